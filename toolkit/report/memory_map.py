"""The picture of the arena over time: each buffer a rectangle, time to the right, addresses upwards."""

from __future__ import annotations

from markupsafe import Markup

from toolkit.report.facts import Arena, Buffer

HEIGHT_PX = 280
_LABEL_PX = 17  # a lower rectangle has no room for its name


def memory_map(arena: Arena) -> Markup:
    """Return the picture as fluid SVG; hatching, not colour alone, tells scratch from activations."""
    boxes = Markup("").join(_box(buffer, arena) for buffer in arena.buffers)
    count = len(arena.columns)
    columns = Markup("").join(
        Markup('<line class="grid" x1="{0:.3f}%" x2="{0:.3f}%" y1="0" y2="100%"/>').format(100 * i / count)
        for i in range(1, count)
    )
    axis = Markup("").join(
        Markup('<span style="bottom:{:.2f}%">{:,} B</span>').format(
            25 * quarter, round(arena.arena_bytes * quarter / 4)
        )
        for quarter in range(5)
    )
    numbers = Markup("").join(
        Markup('<span title="{}">{}</span>').format(meaning, label) for label, meaning in arena.columns
    )
    return Markup(
        '<figure class="chart map"><div class="plot"><div class="axis" aria-hidden="true">{axis}</div>'
        '<svg class="canvas" style="height:{height}px" role="img" aria-label="{label}">'
        '<defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)">'
        '<line class="hatch" x1="0" x2="0" y1="0" y2="7"/></pattern></defs>{columns}{boxes}</svg>'
        '<div class="under steps" aria-hidden="true">{numbers}</div></div></figure>'
    ).format(
        axis=axis,
        height=HEIGHT_PX,
        label=f"Memory map: {len(arena.buffers)} buffers in {arena.arena_bytes:,} bytes over {count - 2} layers; "
        "the table below has the same figures",
        columns=columns,
        boxes=boxes,
        numbers=numbers,
    )


def _box(buffer: Buffer, arena: Arena) -> Markup:
    """One buffer. A nested ``svg`` gives its contents the rectangle as their frame."""
    count = len(arena.columns)
    height = 100 * buffer.bytes / max(arena.arena_bytes, 1)
    y = 100 - 100 * buffer.offset / max(arena.arena_bytes, 1) - height
    hatch = (
        Markup('<rect width="100%" height="100%" fill="url(#hatch)"/>') if buffer.kind == "scratch" else ""
    )
    room = height / 100 * HEIGHT_PX >= _LABEL_PX
    # HTML inside, for it can end a name that is too long with an ellipsis
    name = Markup('<foreignObject width="100%" height="100%"><div class="name">{}</div></foreignObject>')
    label = name.format(f"{buffer.name} · {buffer.bytes:,} B") if room else ""
    return Markup(
        '<svg class="buffer {kind}" x="{x:.3f}%" y="{y:.3f}%" width="{width:.3f}%" height="{height:.3f}%">'
        '<title>{title}</title><rect class="fill" width="100%" height="100%"/>{hatch}'
        '<rect class="edge" width="100%" height="100%"/>{label}</svg>'
    ).format(
        kind=buffer.kind,
        x=100 * buffer.first / count,
        y=y,
        width=100 * (buffer.last - buffer.first + 1) / count,
        height=height,
        title=f"{buffer.name}: {buffer.kind}, {buffer.bytes:,} B at {buffer.offset:,}, {lifetime(buffer, arena)}",
        hatch=hatch,
        label=label,
    )


def lifetime(buffer: Buffer, arena: Arena) -> str:
    """Return from which column to which the buffer lives, by their labels."""
    return " to ".join(dict.fromkeys((arena.columns[buffer.first][0], arena.columns[buffer.last][0])))
