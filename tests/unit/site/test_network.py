"""The network's drawing: nothing overlaps or leaves it, each verdict has a shape, and its description says what it shows."""

import re
from collections import Counter
from itertools import combinations, product
from math import hypot
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.site.draw import svg
from harness.site.draw.charts.text_width import SIZE, breadth
from harness.site.draw.network import MOST, Network, Spoke, explained, network
from harness.tiers.values import Mark, Ring, Tier

CENTRE = (320.0, 312.0)
KINDS = st.tuples(st.sampled_from(Ring), st.sampled_from(Mark))


def spokes(kinds, label="{initial}{k}"):
    return tuple(
        Spoke(ring, mark, label.format(initial=ring[0].upper(), k=k)) for k, (ring, mark) in enumerate(kinds, 1)
    )


def of(inner, outer, mark=Mark.INSIDE, label="{initial}{k}"):
    return spokes([(Ring.COMMUNITY, mark)] * inner + [(Ring.INDEPENDENT, mark)] * outer, label)


def one(given=(), tier=Tier.MODERATE, independent=0, reproductions=0, contested=False, state="reproduced"):
    return Network(tier, state, tuple(given), independent, reproductions, 2, 4, contested)


def parsed(drawing):
    return ElementTree.fromstring(svg.alone(drawing).replace(' xmlns="http://www.w3.org/2000/svg"', "", 1))


def shift(element):
    return [float(part) for part in re.findall(r"-?[\d.]+", element.get("transform").removeprefix("translate"))]


def ring_group(root):
    return next(g for g in root.findall("g") if g.get("transform"))


def nodes(root):
    """Word, place and half size of each node on the rings."""
    found = [g for g in ring_group(root) if g.get("class", "").startswith("node ")]
    half = 18 if len(found) <= 14 else 12
    return [(g.get("class").split()[1], *(a + b for a, b in zip(shift(g), CENTRE, strict=True)), half) for g in found]


def boxes(root):
    """The area of each level line of text, at most, with its words."""
    for parent, dx, dy in ((root, 0, 0), (ring_group(root), *CENTRE)):
        for line in parent.findall("text"):
            if line.get("transform"):
                continue
            size = float(line.get("font-size"))
            wide = breadth(line.text) * size / SIZE * (1.08 if line.get("font-weight") else 1) * 0.97
            left = float(line.get("x")) + dx - {"start": 0, "middle": 0.5, "end": 1}[line.get("text-anchor")] * wide
            base = float(line.get("y")) + dy
            yield line.text, left, base - 0.76 * size, left + wide, base + 0.2 * size


def described(drawing):
    return parsed(drawing).find("desc").text


@settings(max_examples=60, deadline=None)
@given(st.lists(KINDS, max_size=45), st.sampled_from([None, *Tier]), st.booleans())
def test_nothing_overlaps_and_nothing_leaves_the_drawing(kinds, tier, contested):
    root = parsed(network(one(spokes(kinds), tier, 40, 45, contested), "k"))
    _, _, width, height = map(float, root.get("viewBox").split())
    drawn, lines = nodes(root), list(boxes(root))
    assert len(drawn) == (len(kinds) if len(kinds) <= MOST else len(set(kinds)))
    for _, x, y, half in drawn:
        assert half <= x <= width - half
        assert half <= y <= height - half
    for (_, x1, y1, half), (_, x2, y2, _) in combinations(drawn, 2):
        assert hypot(x1 - x2, y1 - y2) >= 2 * half
    for words, left, top, right, bottom in lines:
        assert left >= 0, words
        assert right <= width, words
        assert top >= 0, words
        assert bottom <= height, words
    for (a, *box), (b, *other) in combinations(lines, 2):
        apart = box[2] <= other[0] or other[2] <= box[0] or box[3] <= other[1] or other[3] <= box[1]
        assert apart, (a, b)
    for (words, left, top, right, bottom), (_, x, y, half) in product(lines, drawn):
        near = hypot(x - min(max(x, left), right), y - min(max(y, top), bottom))
        assert near >= half - 1, (words, x, y)


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        (0, 0),
        (1, 0),
        (20, 20),
        (40, 0),
        (0, 40),
        (21, 19),
        (14, 0),
        (0, 14),
        (20, 0),
        (15, 15),
        (7, 7),
        (4, 3),
        (10, 4),
    ],
)
@pytest.mark.parametrize("label", ["{initial}{k}", "Operator {k}", "a name that is far too long to be shown {k}"])
def test_full_rings_have_room_for_labels_of_any_length(inner, outer, label):
    root = parsed(network(one(of(inner, outer, label=label)), "k"))
    lines, drawn = list(boxes(root)), nodes(root)
    assert len(drawn) == inner + outer
    for (words, left, top, right, bottom), (_, x, y, half) in product(lines, drawn):
        assert hypot(x - min(max(x, left), right), y - min(max(y, top), bottom)) >= half - 1, words
    for (a, *box), (b, *other) in combinations(lines, 2):
        assert box[2] <= other[0] or other[2] <= box[0] or box[3] <= other[1] or other[3] <= box[1], (a, b)


def test_no_letter_is_smaller_than_12():
    for count in (0, 7, 40, 60):
        root = parsed(network(one(of(count // 2, count - count // 2)), "k"))
        assert min(float(line.get("font-size")) for line in root.iter("text")) >= 12


def test_each_verdict_has_a_shape_and_a_sign_of_its_own():
    looks = set()
    for mark in Mark:
        root = parsed(network(one(of(0, 1, mark)), "k"))
        (node,) = (g for g in ring_group(root) if g.get("class") == f"node {mark}")
        shape, sign = node
        looks.add((shape.tag, shape.get("stroke-dasharray")))
        looks.add(sign.get("d"))
    assert len(looks) == 2 * len(Mark)


def test_the_legend_has_the_same_shapes_with_their_words():
    root = parsed(network(one(), "k"))
    assert [g.get("class") for g in root.findall("g") if "node" in g.get("class", "")] == [f"node {m}" for m in Mark]
    assert {mark.value for mark in Mark} <= {line.text for line in root.iter("text")}


def test_above_forty_one_node_stands_for_each_ring_and_verdict_with_its_number():
    kinds = [(Ring.COMMUNITY, Mark.INSIDE)] * 23 + [(Ring.INDEPENDENT, Mark.OUTSIDE)] * 17
    kinds += [(Ring.INDEPENDENT, Mark.INSIDE)]
    drawing = network(one(spokes(kinds)), "k")
    assert Counter(word for word, *_ in nodes(parsed(drawing))) == {"inside": 2, "outside": 1}
    shown = {line.text for line in parsed(drawing).iter("text")}
    assert {"23 inside", "17 outside", "1 inside"} <= shown
    assert "Drawn in groups" in described(drawing)
    assert "Drawn in groups" not in described(network(one(spokes(kinds[:40])), "k"))


def test_the_description_counts_by_ring_and_verdict():
    kinds = [(Ring.COMMUNITY, Mark.INSIDE)] * 3 + [(Ring.INDEPENDENT, Mark.INSIDE)] * 4
    kinds += [(Ring.COMMUNITY, Mark.PENDING), (Ring.INDEPENDENT, Mark.OUTSIDE), (Ring.INDEPENDENT, Mark.INCONCLUSIVE)]
    said = described(network(one(spokes(kinds), Tier.HIGH, 4, 7, contested=True), "k"))
    assert "The hub has tier high, contested; its state is reproduced." in said
    assert "Community ring, same hardware class: 3 inside, 1 pending." in said
    assert "Independent ring, distinct hardware: 4 inside, 1 inconclusive, 1 outside." in said
    assert "7 operators inside the band, 4 independent." in said
    assert "Next tier: very-high, from 4 reproductions inside across distinct hardware." in said


@pytest.mark.parametrize(
    ("tier", "independent", "asks"),
    [
        (None, 0, "Next tier: moderate"),
        (Tier.LOW, 0, "Next tier: moderate"),
        (Tier.LOW, 4, "a cap or equal hardware holds it back"),
        (Tier.MODERATE, 1, "Next tier: high, from 2 independent operators inside on distinct hardware; 1 now."),
        (Tier.HIGH, 2, "Next tier: very-high, from 4"),
        (Tier.VERY_HIGH, 4, "No tier is above it."),
    ],
)
def test_the_description_says_what_the_next_tier_asks_for(tier, independent, asks):
    assert asks in described(network(one(tier=tier, independent=independent), "k"))


@pytest.mark.parametrize(
    ("tier", "earned"), [(None, 0), (Tier.LOW, 0), (Tier.MODERATE, 0), (Tier.HIGH, 1), (Tier.VERY_HIGH, 2)]
)
def test_steps_earned_are_solid_and_the_others_dashed(tier, earned):
    root = parsed(network(one(tier=tier), "k"))
    steps = [
        p for p in ring_group(root).findall("path") if p.get("class") == "s-accent" and p.get("stroke-width") == "5"
    ]
    assert [p.get("stroke-dasharray") is None for p in steps] == [True] * earned + [False] * (2 - earned)


def test_thresholds_are_the_policys():
    found = Network(Tier.LOW, "reproduced", (), 0, 0, 3, 7)
    shown = " ".join(line.text for line in parsed(network(found, "k")).iter("text"))
    assert "3 independent on distinct hardware → high" in shown
    assert "7 across distinct hardware → very-high" in shown


@settings(max_examples=30, deadline=None)
@given(st.lists(KINDS, max_size=45).map(spokes).flatmap(lambda s: st.tuples(st.just(s), st.permutations(s))))
def test_the_order_of_spokes_does_not_matter(pair):
    given, other = pair
    assert network(one(given), "k") == network(one(other), "k")


def test_labels_and_state_are_text_never_markup():
    drawing = network(one([Spoke(Ring.COMMUNITY, Mark.INSIDE, '<a">&\0')], state="</desc><script>"), "k", "<b>&")
    root = parsed(drawing)
    assert '<a">&\ufffd' in [line.text for line in root.iter("text")]
    assert root.find("title").text == "<b>&"
    assert not list(root.iter("script"))


def test_the_current_line_says_counts_tier_and_dispute():
    def current(**values):
        return next(line.text for line in parsed(network(one(**values), "k")).iter("text") if "current" in line.text)

    assert current(tier=None) == "current: 0 reproductions · 0 independent · no tier"
    worst = current(tier=Tier.VERY_HIGH, independent=40, reproductions=40, contested=True)
    assert worst == "current: 40 reproductions · 40 independent · tier very-high, contested"
    assert current(reproductions=1) == "current: 1 reproduction · 0 independent · tier moderate"


def test_empty_rings_say_so():
    assert "no reproduction yet" in {line.text for line in parsed(network(one(), "k")).iter("text")}
    assert "Community ring, same hardware class: no reproduction yet." in described(network(one(), "k"))


@pytest.mark.parametrize(("inner", "outer"), [(1, 0), (3, 4), (20, 20)])
def test_reproduces_is_said_once_a_ring(inner, outer):
    shown = Counter(line.text for line in parsed(network(one(of(inner, outer)), "k")).iter("text"))
    assert shown["reproduces"] == (inner > 0) + (outer > 0)


def test_the_explanation_numbers_its_steps_and_names_nobody():
    root = parsed(explained(2, 4))
    shown = [line.text for line in root.iter("text")]
    assert all(shown.count(str(number)) == 2 for number in (1, 2, 3, 4))
    assert sorted(words for words in shown if words.startswith("Operator ")) == [
        f"Operator {letter}" for letter in "ABCDEFG"
    ]
    assert [word for word, *_ in nodes(root)] == ["inside"] * 7
    assert "Step 3. 2 independent operators on distinct hardware: high." in root.find("desc").text


def test_classes_only_no_style_and_unique_ids():
    drawing = network(one(of(3, 4)), "row-7")
    assert "style=" not in drawing
    assert not re.search(r"#[0-9a-f]{3,6}\b", drawing)
    assert set(re.findall(r' id="([^"]+)"', drawing)) == {"row-7-t", "row-7-d"}
    used = {name for names in re.findall(r'class="([^"]+)"', drawing) for name in names.split()}
    assert {name[2:] for name in used if name.startswith(("f-", "s-"))} <= set(svg.TOKENS)
