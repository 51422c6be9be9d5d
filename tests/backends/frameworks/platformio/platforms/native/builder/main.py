"""Link a program of this PC; the target ``exec`` runs it."""

from SCons.Script import AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
program = env.BuildProgram()
AlwaysBuild(env.Alias("exec", program, env.VerboseAction("$BUILD_DIR/${PROGNAME}$PROGSUFFIX", "Running")))
Default([program])
