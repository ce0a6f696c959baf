"""The reproduction network of a row as a drawing: hub, two rings, and the path that lifts its tier. It judges nothing.

A verdict shows in colour, shape and sign; a description says the whole in words. Nodes stand on an arc that is open
below, where the path leaves the hub and the rings are named. More than `MOST` reproductions are drawn as groups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import cos, hypot, pi, radians, sin

from harness.site.draw import svg
from harness.site.draw.charts.text_width import SIZE, breadth, shorten
from harness.tiers.values import TIERS, Mark, Ring, Tier

MOST = 40  # nodes
WIDTH = 640.0
_CX, _CY = 320.0, 312.0
# Radii. The second is the other row of an inner ring that is crowded.
_HUB, _INNER, _SECOND, _OUTER = 56.0, 160.0, 209.0, 265.0
_ONE_ROW = 20  # nodes of the inner ring
_FEW = 14  # that many may be large
_START, _ARC = radians(148), radians(244)  # clockwise from the lower left to the lower right
# From the hub to each threshold; the centre is 0 0.
_PATH = ("M0 56C-86 86-70 144 0 160", "M0 160C34 168-34 246 0 265")
_GAP = 26.0  # between entries of the legend

_Attributes = dict[str, str | float | None]

_TOKENS = {Mark.INSIDE: "good", Mark.INCONCLUSIVE: "warn", Mark.OUTSIDE: "bad", Mark.PENDING: "warn"}
_RINGS = {
    Ring.COMMUNITY: ("community ring:", "same hardware class"),
    Ring.INDEPENDENT: ("independent ring:", "distinct hardware"),
}


@dataclass(frozen=True, slots=True)
class Spoke:
    """One reproduction. Its label is a short placeholder: diagrams credit nobody."""

    ring: Ring
    mark: Mark
    label: str


@dataclass(frozen=True, slots=True)
class Network:
    """A row as its rules found it; the spokes in any order."""

    tier: Tier | None
    state: str  # the badge in words
    spokes: tuple[Spoke, ...]
    independent: int  # operators inside, as the policy counts them
    reproductions: int  # persons inside, both rings
    high_classes: int  # the policy's thresholds
    very_high_classes: int
    contested: bool = False


@dataclass(frozen=True, slots=True)
class _Node:
    spoke: Spoke
    angle: float
    x: float
    y: float
    row: float  # radius


def network(one: Network, key: str, title: str = "Reproduction network") -> str:
    """The drawing of one row; `key` makes its ids unique in a page."""
    return _drawn(one, key, title, steps=())


def explained(high_classes: int = 2, very_high_classes: int = 4) -> str:
    """The drawing that explains all others: operators without names, every one inside, and the steps in their order."""
    inner, outer = (
        tuple(Spoke(ring, Mark.INSIDE, f"Operator {letter}") for letter in letters)
        for ring, letters in ((Ring.COMMUNITY, "ABC"), (Ring.INDEPENDENT, "DEFG"))
    )
    spokes, people = inner + outer, len(inner + outer)
    state = "independently-reproduced"
    one = Network(Tier.VERY_HIGH, state, spokes, len(outer), people, high_classes, very_high_classes)
    steps = (
        "The hub: one measurement, approved and public",
        "Others repeat it on the same hardware class",
        f"{high_classes} independent operators on distinct hardware: high",
        f"{very_high_classes} reproductions across distinct hardware: very-high",
    )
    return _drawn(one, "explained", "Reproduction network, explained", steps)


def _drawn(one: Network, key: str, title: str, steps: Sequence[str]) -> str:
    rings, marks = list(Ring), list(Mark)
    spokes = sorted(one.spokes, key=lambda s: (rings.index(s.ring), marks.index(s.mark), len(s.label), s.label))
    grouped = len(spokes) > MOST
    shown = _groups(spokes) if grouped else spokes
    size = 18.0 if len(shown) <= _FEW else 12.0
    nodes = _placed(shown, size)
    rows = sorted({_INNER, _OUTER} | {node.row for node in nodes})
    centred = (
        "".join(svg.element("circle", r=row, fill="none", class_="s-line", stroke_width=2) for row in rows)
        + _spokes(nodes, size)
        + "".join(_labels(nodes, size))
        + "".join(_node(node.spoke.mark, node.x, node.y, size) for node in nodes)
        + (_line("no reproduction yet", 0, -205, size=17, tone="muted") if not nodes else "")
        + _path(one, bool(steps))
        + _ring_names(bool(steps))
        + _hub(one, bool(steps))
    )
    below, height = _legend(one, grouped, steps)
    panel = svg.element("rect", width=WIDTH, height=height, rx=12, class_="f-panel")
    body = panel + svg.element("g", centred, transform=f"translate({svg.number(_CX)} {svg.number(_CY)})") + below
    return svg.drawing(body, WIDTH, height, title, " ".join((_told(one, grouped), *_numbered(steps))), key)


def _groups(spokes: Sequence[Spoke]) -> list[Spoke]:
    """One for each ring and mark, labelled with its number."""
    counts = Counter((spoke.ring, spoke.mark) for spoke in spokes)
    return [Spoke(ring, mark, f"{count} {mark}") for (ring, mark), count in counts.items()]


def _placed(spokes: Sequence[Spoke], size: float) -> list[_Node]:
    """Each where nothing else is. While there is room, no spoke passes below a node of the inner ring."""
    rings = {ring: [spoke for spoke in spokes if spoke.ring is ring] for ring in Ring}
    mixed = sorted(((k + 0.5) / len(rings[s.ring]), s.ring, k) for ring in Ring for k, s in enumerate(rings[ring]))
    need = {Ring.COMMUNITY: (2 * size + 4) / _INNER, Ring.INDEPENDENT: (2 * size + 4) / _OUTER}
    spare = _ARC - sum(need[ring] for _, ring, _ in mixed)
    placed, turned = [], 0.0
    for share, ring, k in mixed:
        step = need[ring] + spare / len(mixed)
        angle = _START + (turned + step / 2 if spare >= 0 else share * _ARC)
        turned += step
        crowded = len(rings[Ring.COMMUNITY]) > _ONE_ROW and k % 2
        row = _OUTER if ring is Ring.INDEPENDENT else _SECOND if crowded else _INNER
        placed.append(_Node(rings[ring][k], angle, row * cos(angle), row * sin(angle), row))
    return placed


def _spokes(nodes: Sequence[_Node], size: float) -> str:
    """The lines from hub to nodes, and on one of each ring, the most level on its side, what they mean."""
    lines = dict.fromkeys(Mark, "")
    for node in nodes:
        (x1, y1), (x2, y2) = (
            (svg.number(radius * cos(node.angle)), svg.number(radius * sin(node.angle)))
            for radius in (_HUB, node.row - size)
        )
        lines[node.spoke.mark] += f"M{x1} {y1}L{x2} {y2}"
    drawn = "".join(
        svg.element(
            "path",
            d=d,
            class_=f"s-{_TOKENS[mark]}",
            stroke_width=2,
            opacity=0.55,
            stroke_dasharray="5 5" if mark is Mark.PENDING else None,
        )
        for mark, d in lines.items()
        if d
    )
    for ring, side in ((Ring.COMMUNITY, -1), (Ring.INDEPENDENT, 1)):
        angles = [node.angle for node in nodes if node.spoke.ring is ring]
        if angles:
            angle = max(angles, key=lambda angle: (round(side * cos(angle), 6), angle))
            x, y = ((_HUB + _INNER - 18) / 2 * part for part in (cos(angle), sin(angle)))
            upright = angle if cos(angle) > -1e-9 else angle - pi
            turn = f"rotate({svg.number(upright * 180 / pi)} {svg.number(x)} {svg.number(y)})"
            drawn += _line("reproduces", x, y + 4, size=13, tone="muted", turn=turn)
    return drawn


def _labels(nodes: Sequence[_Node], size: float) -> Iterator[str]:
    """Short ones outwards of their nodes, long ones above or below."""
    letters = 15.0 if size > 12 else 12.0
    widest = 26.0 if any(node.row == _SECOND for node in nodes) else 120.0
    for node in nodes:
        others = (n for n in nodes if n is not node and n.row == node.row)
        near = min((hypot(node.x - n.x, node.y - n.y) for n in others), default=widest)
        most = widest if near > 2 * size + letters + 20 else 34
        shown = shorten(node.spoke.label, min(near - 3, most, widest) * SIZE / letters)
        wide = breadth(shown) * letters / SIZE
        ux, uy = cos(node.angle), sin(node.angle)
        if wide <= 34:
            away = size + 4 + abs(ux) * wide / 2 + abs(uy) * letters / 2
            x, y = node.x + away * ux, node.y + away * uy
        else:
            edge = WIDTH / 2 - 6 - wide / 2
            x = max(-edge, min(edge, node.x))
            y = node.y + (size + 4 + letters / 2) * (1 if uy > 0.05 else -1)
        yield _line(shown, x, y + letters * 0.36, size=letters)


def _node(mark: Mark, x: float, y: float, size: float) -> str:
    """A verdict's shape and sign: circle and check, rounded square and wave, diamond and cross, dashed circle and dots."""
    token, n = _TOKENS[mark], svg.number
    s, u = size - 1, size / 3
    look: _Attributes = {"class_": f"f-{token} s-panel", "stroke_width": 2}
    match mark:
        case Mark.INSIDE:
            shape = svg.element("circle", r=s, **look)
            sign = f"M{n(-1.4 * u)} {n(0.1 * u)}l{n(u)} {n(u)} {n(1.7 * u)}{n(-2 * u)}"
        case Mark.INCONCLUSIVE:
            shape = svg.element("rect", x=-0.88 * s, y=-0.88 * s, width=1.76 * s, height=1.76 * s, rx=0.3 * s, **look)
            half = f"{n(1.5 * u)}{n(-0.3 * u)}"
            sign = f"M{n(-1.5 * u)} {n(0.3 * u)}q{n(0.75 * u)}{n(-1.7 * u)} {half}t{half}"
        case Mark.OUTSIDE:
            shape = svg.element("path", d=f"M0 {n(-s)}L{n(s)} 0L0 {n(s)}L{n(-s)} 0z", stroke_linejoin="round", **look)
            side = n(1.5 * u)
            sign = f"M{n(-0.75 * u)} {n(-0.75 * u)}l{side} {side}m0-{side}l-{side} {side}"
        case _:
            look = {"class_": f"f-panel s-{token}", "stroke_width": 2.5, "stroke_dasharray": "4 3"}
            shape = svg.element("circle", r=s - 0.5, **look)
            sign = f"M{n(-1.2 * u)} 0h.01M0 0h.01M{n(1.2 * u)} 0h.01"
    drawn = svg.element(
        "path", d=sign, fill="none", class_=f"s-{token}" if mark is Mark.PENDING else "s-panel", stroke_width=size / 5,
        stroke_linecap="round", stroke_linejoin="round",
    )  # fmt: skip
    return svg.element("g", shape + drawn, class_=f"node {mark}", transform=f"translate({n(x)} {n(y)})")


def _path(one: Network, numbered: bool) -> str:
    """From the hub through the rings, solid as far as the tier has come, with its two thresholds."""
    lines, stations = "", ""
    steps = zip((Tier.HIGH, Tier.VERY_HIGH), (_INNER, _OUTER), _PATH, _needs(one), strict=True)
    for k, (tier, y, d, needs) in enumerate(steps):
        earned = one.tier is not None and TIERS.index(one.tier) >= TIERS.index(tier)
        full: _Attributes = {"class_": "f-accent s-accent" if earned else "f-panel s-accent", "stroke_width": 3}
        lines += _stretch(d, earned)
        if tier is Tier.VERY_HIGH:
            stations += svg.element("path", d=f"M-11 {svg.number(y + 14)}h22l-11 17z", stroke_linejoin="round", **full)
        stations += svg.element("circle", cy=y, r=12, **full)
        if numbered:
            stations += _digit(k + 3, 0, y)
        elif earned:
            check = f"M-5 {svg.number(y + 0.5)}l3.5 3.5 6.5-7.5"
            stations += svg.element(
                "path", d=check, fill="none", class_="s-panel", stroke_width=3, stroke_linecap="round"
            )
        for row, words in enumerate(needs):
            goal = "→" in words
            stations += _line(
                words, 28, y + 21 + 20 * row, size=16, anchor="start", tone="accent" if goal else "ink", bold=goal
            )
    return lines + stations


def _stretch(d: str, earned: bool) -> str:
    dash = None if earned else "9 7"
    return svg.element("path", d=d, fill="none", class_="s-accent", stroke_width=5, stroke_dasharray=dash)


def _needs(one: Network) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (
        (f"{one.high_classes} independent", "on distinct", "hardware → high"),
        (f"{one.very_high_classes} across distinct", "hardware → very-high"),
    )


def _ring_names(numbered: bool) -> str:
    drawn = ""
    for ring, y in ((Ring.COMMUNITY, _INNER), (Ring.INDEPENDENT, _OUTER)):
        for k, words in enumerate(_RINGS[ring]):
            drawn += _line(words, -28, y + 21 + 20 * k, size=16, anchor="end", tone="muted" if k else "ink")
    return drawn + (_step(2, -182, _INNER + 12) if numbered else "")


def _hub(one: Network, numbered: bool) -> str:
    ring = svg.element("circle", r=_HUB, class_=f"f-panel s-{'bad' if one.contested else 'accent'}", stroke_width=4)
    rows = [(one.tier or "no tier", 16, 4), ("hub", 14, 24)]
    if one.contested:
        rows[1:] = [("hub", 14, -17), ("contested", 14, 24)]
    words = "".join(
        _line(row, 0, y, size=size, bold=size == 16, tone="ink" if size == 16 else "muted") for row, size, y in rows
    )
    return ring + words + (_step(1, 0, -27) if numbered else "")


def _step(number: int, x: float, y: float) -> str:
    return svg.element("circle", cx=x, cy=y, r=12, class_="f-accent") + _digit(number, x, y)


def _digit(number: int, x: float, y: float) -> str:
    return _line(str(number), x, y + 5.5, size=15, tone="panel", bold=True, halo=False)


def _legend(one: Network, grouped: bool, steps: Sequence[str]) -> tuple[str, float]:
    """Below the rings: shapes, lines, steps, and where the row stands; and the height of all."""
    y, x, drawn = _CY + _OUTER + 84, 24.0, ""
    for mark in Mark:
        drawn += _node(mark, x + 12, y, 14) + _line(mark, x + 34, y + 5.5, size=16, anchor="start")
        x += 34 + breadth(mark) * 16 / SIZE + _GAP
    y, x = y + 34, 24.0
    for words, earned in (("step earned", True), ("step still open", False)):
        drawn += _stretch(f"M{svg.number(x)} {svg.number(y)}h46", earned)
        drawn += _line(words, x + 58, y + 5.5, size=16, anchor="start")
        x += 58 + breadth(words) * 16 / SIZE + _GAP
    for k, words in enumerate(steps, 1):
        y += 32
        drawn += _step(k, 36, y) + _line(words, 58, y + 5.5, size=16, anchor="start")
    y += 42
    drawn += svg.element("path", d=f"M24 {svg.number(y - 22)}H{svg.number(WIDTH - 24)}", class_="s-line")
    drawn += _fitted(_current(one), y + 6, bold=True)
    drawn += _fitted(f"state: {one.state}" + (f" · drawn in groups, above {MOST}" if grouped else ""), y + 32)
    return drawn, y + 52


def _fitted(words: str, y: float, bold: bool = False) -> str:
    """A line across the drawing, smaller rather than shorter."""
    room = WIDTH - 48
    most = SIZE * room / (breadth(words) * (1.1 if bold else 1))
    size = max(13.0, min(17.0 if bold else 16.0, most))
    shown = shorten(words, room * SIZE / size / (1.1 if bold else 1))
    return _line(shown, 24, y, size=size, anchor="start", bold=bold, tone="ink" if bold else "muted")


def _current(one: Network) -> str:
    counted = _count("reproduction", one.reproductions)
    return f"current: {counted} · {one.independent} independent · {_tier(one)}{_contested(one)}"


def _told(one: Network, grouped: bool) -> str:
    """The picture in words."""
    rings = []
    for ring in Ring:
        counts = Counter(spoke.mark for spoke in one.spokes if spoke.ring is ring)
        said = ", ".join(f"{counts[mark]} {mark}" for mark in Mark if counts[mark]) or "no reproduction yet"
        rings.append(f"{' '.join(_RINGS[ring]).capitalize()}: {said}.".replace(":", ",", 1))
    hub = f"The hub has {_tier(one)}{_contested(one)}; its state is {one.state}."
    people = f"{_count('operator', one.reproductions)} inside the band, {one.independent} independent."
    drawn = ["Drawn in groups, one for each ring and verdict."] if grouped else []
    return " ".join((hub, *rings, people, *drawn, _next(one)))


def _next(one: Network) -> str:
    """What the next tier asks for."""
    if one.tier is Tier.VERY_HIGH:
        return "No tier is above it."
    high = f"{one.high_classes} independent operators inside on distinct hardware"
    if one.tier is Tier.HIGH:
        return f"Next tier: very-high, from {one.very_high_classes} reproductions inside across distinct hardware."
    if one.independent >= one.high_classes:
        return f"Next on the path: high, from {high}; that number is there: a cap or equal hardware holds it back."
    if one.tier is Tier.MODERATE:
        return f"Next tier: high, from {high}; {one.independent} now."
    moderate = "moderate, for a complete record that editorial measured or another operator reproduced"
    return f"Next tier: {moderate}; then high, from {high}."


def _numbered(steps: Sequence[str]) -> list[str]:
    return [f"Step {k}. {words}." for k, words in enumerate(steps, 1)]


def _tier(one: Network) -> str:
    return f"tier {one.tier}" if one.tier else "no tier"


def _contested(one: Network) -> str:
    return ", contested" if one.contested else ""


def _count(word: str, number: int) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _line(
    words: str,
    x: float,
    y: float,
    *,
    size: float,
    anchor: str = "middle",
    tone: str = "ink",
    bold: bool = False,
    halo: bool = True,
    turn: str | None = None,
) -> str:
    """A line of text; a halo parts it from the lines behind."""
    look: _Attributes = {"font_size": size, "text_anchor": anchor, "transform": turn, "class_": f"f-{tone}"}
    if bold:
        look["font_weight"] = 700
    if halo:
        look |= {"class_": f"f-{tone} s-panel", "stroke_width": 5, "paint_order": "stroke", "stroke_linejoin": "round"}
    return svg.text(words, x, y, **look)
