"""PlatformIO's builder starts SCons by this file."""

import SCons.Script

SCons.Script.main()
