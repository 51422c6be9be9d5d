"""The memory planner against an independent brute force, on known nets, and its own checker."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.lower.plan import Buffer, Overlap, Plan, check, plan


def least_arena(buffers: list[Buffer], overlaps: list[Overlap]) -> int:
    """Try every offset for every buffer; knows nothing of orders, holes or bounds."""
    gaps = {(o.below, o.above): o.gap for o in overlaps}

    def compatible(a: Buffer, at_a: int, b: Buffer, at_b: int) -> bool:
        if a.last < b.first or b.last < a.first:
            return True
        if at_a + a.bytes <= at_b or at_b + b.bytes <= at_a:
            return True
        a_below, b_below = gaps.get((a.name, b.name)), gaps.get((b.name, a.name))
        return (a_below is not None and at_a + a_below <= at_b) or (
            b_below is not None and at_b + b_below <= at_a
        )

    def fits(placed: list[tuple[Buffer, int]], rest: list[Buffer], arena: int) -> bool:
        if not rest:
            return True
        buffer = rest[0]
        return any(
            all(compatible(buffer, offset, other, at) for other, at in placed)
            and fits([*placed, (buffer, offset)], rest[1:], arena)
            for offset in range(arena - buffer.bytes + 1)
        )

    arena = max((b.bytes for b in buffers), default=0)
    while not fits([], buffers, arena):
        arena += 1
    return arena


@st.composite
def small_problems(draw: st.DrawFn, with_overlaps: bool) -> tuple[list[Buffer], list[Overlap]]:
    count = draw(st.integers(1, 6))
    buffers = []
    for number in range(count):
        first = draw(st.integers(0, 5))
        buffers.append(Buffer(f"b{number}", draw(st.integers(1, 5)), first, first + draw(st.integers(0, 3))))
    overlaps: list[Overlap] = []
    if with_overlaps:
        # a shuffled order decides who may be below, so that gaps of 0 form no cycle
        order = draw(st.permutations(buffers))
        for i in range(count):
            for j in range(i):
                if draw(st.booleans()):
                    overlaps.append(Overlap(order[i].name, order[j].name, draw(st.integers(0, 4))))
    return buffers, overlaps


@given(small_problems(with_overlaps=False))
@settings(max_examples=150, deadline=None)
def test_optimal_without_overlaps(problem: tuple[list[Buffer], list[Overlap]]) -> None:
    buffers, overlaps = problem
    result = plan(buffers, overlaps, alignment=1)
    assert result.optimal
    assert result.arena_bytes == result.lower_bound_bytes == least_arena(buffers, overlaps)


@given(small_problems(with_overlaps=True))
@settings(max_examples=300, deadline=None)
def test_optimal_with_overlaps(problem: tuple[list[Buffer], list[Overlap]]) -> None:
    buffers, overlaps = problem
    result = plan(buffers, overlaps, alignment=1)
    assert result.optimal
    assert result.arena_bytes == result.lower_bound_bytes == least_arena(buffers, overlaps)
    assert result.arena_bytes <= result.greedy_bytes


def chain(sizes: list[int]) -> list[Buffer]:
    """Step k reads value k and writes value k + 1."""
    last_step = len(sizes) - 2
    return [Buffer(f"v{k}", size, max(k - 1, 0), min(k, last_step)) for k, size in enumerate(sizes)]


def resnet8() -> tuple[list[Buffer], list[Overlap]]:
    """MLPerf Tiny image classification: three residual stages, only the sums in place."""
    sizes = {"x": 3072, "stem": 16384, "a1": 16384, "a2": 16384, "s1": 16384}
    sizes |= {"b1": 8192, "b2": 8192, "bs": 8192, "s2": 8192, "c1": 4096, "c2": 4096, "cs": 4096, "s3": 4096}
    sizes |= {"pool": 64, "y": 10}
    steps = [
        ("stem", ["x"]),
        ("a1", ["stem"]),
        ("a2", ["a1"]),
        ("s1", ["a2", "stem"]),
        ("b1", ["s1"]),
        ("b2", ["b1"]),
        ("bs", ["s1"]),
        ("s2", ["b2", "bs"]),
        ("c1", ["s2"]),
        ("c2", ["c1"]),
        ("cs", ["s2"]),
        ("s3", ["c2", "cs"]),
        ("pool", ["s3"]),
        ("y", ["pool"]),
    ]
    born = {"x": 0} | {name: step for step, (name, _) in enumerate(steps)}
    dies = {"y": len(steps) - 1} | {name: step for step, (_, reads) in enumerate(steps) for name in reads}
    buffers = [Buffer(name, size, born[name], dies[name]) for name, size in sizes.items()]
    overlaps = [
        Overlap(out, source)
        for out, reads in steps
        if out[0] == "s" and out[1:].isdigit()
        for source in reads
    ]
    return buffers, overlaps


def test_autoencoder_chain() -> None:
    result = plan(chain([640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640]))
    assert (result.arena_bytes, result.optimal, result.greedy_bytes) == (768, True, 768)


def test_keyword_spotting_chain() -> None:
    # DS-CNN: a 49x10 input, nine maps of 25x5x64 (depthwise, pointwise), the pooled map, 12 classes
    sizes = [490, *[8000] * 9, 64, 12]
    assert plan(chain(sizes)).arena_bytes == 16000
    gap = 2 * 5 * 64  # two rows
    downwards = [Overlap(f"v{k + 1}", f"v{k}", gap) for k in range(1, 9)]
    result = plan(chain(sizes), downwards)
    assert (result.arena_bytes, result.optimal) == (8000 + 8 * gap, True)
    # kernels that can also run from the last row to the first let the maps go down and up in turn
    upwards = [Overlap(f"v{k}", f"v{k + 1}", gap) for k in range(1, 9)]
    result = plan(chain(sizes), downwards + upwards)
    assert (result.arena_bytes, result.optimal) == (8000 + gap, True)


def test_image_classification_net() -> None:
    buffers, overlaps = resnet8()
    without = plan(buffers)
    assert (without.arena_bytes, without.optimal) == (3 * 16384, True)
    result = plan(buffers, overlaps)
    # the second convolution of the first stage reads one map, writes one and keeps one for the sum
    assert (result.arena_bytes, result.optimal) == (3 * 16384, True)


def test_visual_wake_words_chain() -> None:
    # MobileNetV1-0.25 at 96x96: expansions alternate with depthwise layers
    sizes = [96 * 96 * 3, 48 * 48 * 8, 48 * 48 * 8, 48 * 48 * 16, 24 * 24 * 16, 24 * 24 * 32]
    sizes += [24 * 24 * 32, 24 * 24 * 32, 12 * 12 * 32, 12 * 12 * 64, 12 * 12 * 64, 12 * 12 * 64]
    sizes += [
        6 * 6 * 64,
        6 * 6 * 128,
        *[6 * 6 * 128] * 10,
        3 * 3 * 128,
        3 * 3 * 256,
        3 * 3 * 256,
        3 * 3 * 256,
        256,
        2,
    ]
    result = plan(chain(sizes))
    # the widest step: 48x48x8 in, 48x48x16 out
    assert (result.arena_bytes, result.optimal) == (48 * 48 * 24, True)


def test_search_beats_greedy() -> None:
    """A case on which every greedy order loses: in-place chains want to run downwards together."""
    rng = random.Random(14)
    improved = 0
    for _ in range(40):
        buffers, overlaps = random_network(rng, 12)
        result = plan(buffers, overlaps)
        assert result.arena_bytes <= result.greedy_bytes
        improved += result.arena_bytes < result.greedy_bytes
    assert improved > 0


def random_network(rng: random.Random, length: int) -> tuple[list[Buffer], list[Overlap]]:
    """A chain with residual connections, scratch buffers of one step and operators that work in place."""
    sizes = [rng.choice([64, 256, 640, 1152, 2048, 3000, 5760, 9000]) for _ in range(length)]
    last = [min(k + 1, length - 1) for k in range(length)]
    for k in range(1, length - 4):
        if rng.random() < 0.3:
            last[k] = k + rng.randint(2, 4)
    buffers = [Buffer(f"v{k}", sizes[k], k, last[k]) for k in range(length)]
    overlaps = []
    for k in range(1, length):
        if last[k - 1] == k and rng.random() < 0.6:
            overlaps.append(Overlap(f"v{k}", f"v{k - 1}", rng.choice([0, 16, 64, sizes[k]])))
        if rng.random() < 0.5:
            buffers.append(Buffer(f"s{k}", rng.choice([36, 72, 288]), k, k, "scratch"))
    return buffers, overlaps


@pytest.mark.parametrize("length", [12, 60])
def test_networks_are_planned_quickly_and_optimally(length: int) -> None:
    for seed in range(20):
        buffers, overlaps = random_network(random.Random(seed), length)
        start = time.perf_counter()
        result = plan(buffers, overlaps)
        assert time.perf_counter() - start < 1
        assert result.optimal, f"seed {seed}: {result.arena_bytes} above the bound {result.lower_bound_bytes}"


def test_dense_problem_respects_the_node_limit() -> None:
    """Long random lifetimes: too hard to finish, yet the plan is valid and no worse than greedy."""
    rng = random.Random(0)
    buffers = []
    for k in range(80):
        first = rng.randrange(60)
        buffers.append(Buffer(f"v{k}", rng.randint(1, 4000), first, first + rng.randint(0, 20)))
    start = time.perf_counter()
    result = plan(buffers)
    assert time.perf_counter() - start < 10
    assert result.lower_bound_bytes <= result.arena_bytes <= result.greedy_bytes


def test_alignment_applies_to_offsets_sizes_and_gaps() -> None:
    buffers = [Buffer("a", 5, 0, 1), Buffer("b", 3, 1, 2), Buffer("c", 10, 2, 3)]
    result = plan(buffers, [Overlap("c", "b", 1)], alignment=8)
    assert all(offset % 8 == 0 for offset in result.offsets.values())
    assert result.arena_bytes % 8 == 0


def test_same_input_same_plan() -> None:
    buffers, overlaps = random_network(random.Random(3), 30)
    assert plan(buffers, overlaps) == plan(buffers, overlaps)


def test_nothing_to_plan() -> None:
    assert plan([]) == Plan({}, 0, 0, True, 0)


@pytest.mark.parametrize(
    ("buffers", "overlaps", "message"),
    [
        ([Buffer("a", 0, 0, 1)], [], "malformed"),
        ([Buffer("a", 4, 2, 1)], [], "malformed"),
        ([Buffer("a", 4, 0, 1), Buffer("a", 4, 0, 1)], [], "same name"),
        ([Buffer("a", 4, 0, 1)], [Overlap("a", "z")], "does not name"),
        ([Buffer("a", 4, 0, 1), Buffer("b", 4, 0, 1)], [Overlap("a", "b", -1)], "negative"),
        ([Buffer("a", 4, 0, 1), Buffer("b", 4, 0, 1)], [Overlap("a", "b"), Overlap("b", "a")], "cycle"),
    ],
)
def test_malformed_problems_are_refused(buffers: list[Buffer], overlaps: list[Overlap], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan(buffers, overlaps)


def hand_made(offsets: dict[str, int], arena: int = 16) -> Plan:
    return Plan(offsets, arena, 0, False, arena)


PAIR = [Buffer("in", 8, 0, 1), Buffer("out", 8, 1, 2)]


@pytest.mark.parametrize(
    ("offsets", "overlaps", "message"),
    [
        ({"in": 0}, [], "no offset"),
        ({"in": 0, "out": 12}, [], "leaves the arena"),
        ({"in": -4, "out": 8}, [], "leaves the arena"),
        ({"in": 4, "out": 0}, [], "overlap"),
        ({"in": 4, "out": 0}, [Overlap("out", "in", 5)], "overlap"),
        ({"in": 0, "out": 4}, [Overlap("out", "in", 4)], "overlap"),
    ],
)
def test_check_finds_violations(offsets: dict[str, int], overlaps: list[Overlap], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(hand_made(offsets), PAIR, overlaps)


@pytest.mark.parametrize(
    ("offsets", "overlaps"),
    [
        ({"in": 0, "out": 8}, []),
        ({"in": 4, "out": 0}, [Overlap("out", "in", 4)]),
        ({"in": 0, "out": 0}, [Overlap("out", "in")]),
    ],
)
def test_check_accepts_what_is_allowed(offsets: dict[str, int], overlaps: list[Overlap]) -> None:
    check(hand_made(offsets), PAIR, overlaps)
