"""Tiles: the layout of the specification, and from the files alone the same tree and the same proofs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import BadInput, RecordInvalid
from harness.tlog import merkle, tiles

MOST = 65536 + 3


def entry(index):
    return b"entry %d" % index


TREE = merkle.Tree(merkle.leaf_hash(entry(index)) for index in range(70_000))


def files(size):
    return dict(tiles.tiles(size, TREE.node, entry))


def levels(paths):
    """How many full tiles, and the width of the partial one, by level."""
    found = {}
    for path in paths:
        _, level, number = path.split("/", 2)
        full, width = found.get(level, (0, 0))
        found[level] = (full, int(number.partition(".p/")[2])) if ".p/" in number else (full + 1, width)
    return found


def test_paths_are_those_of_the_specification():
    assert tiles.tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tiles.tile_path(63, 0, 1) == "tile/63/000.p/1"
    assert tiles.tile_path(1, 999, 255) == "tile/1/999.p/255"
    assert tiles.tile_path(2, 1000, 256) == "tile/2/x001/000"
    assert tiles.tile_path(0, 1000000) == "tile/0/x001/x000/000"
    assert tiles.bundle_path(273, 112) == "tile/entries/273.p/112"
    assert tiles.bundle_path(1234067) == "tile/entries/x001/x234/067"


def test_a_tree_of_70_000_has_the_files_that_the_specification_counts():
    found = levels(files(70_000))
    assert found == {"0": (273, 112), "1": (1, 17), "2": (0, 1), "entries": (273, 112)}


@pytest.mark.parametrize(
    ("size", "paths"),
    [
        (0, []),
        (1, ["tile/0/000.p/1", "tile/entries/000.p/1"]),
        (255, ["tile/0/000.p/255", "tile/entries/000.p/255"]),
        (256, ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]),
        (
            257,
            ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/1"],
        ),
    ],
)
def test_small_trees_have_just_these_files(size, paths):
    assert [path for path, _ in tiles.tiles(size, TREE.node, entry)] == paths


def test_no_path_is_both_a_file_and_a_folder():
    paths = {tiles.tile_path(0, index) for index in range(3000)} | {tiles.tile_path(0, 3000, 7)}
    folders = {path[:place] for path in paths for place, c in enumerate(path) if c == "/"}
    assert len(paths) == 3001
    assert not paths & folders


def test_a_tile_holds_the_hashes_that_the_specification_names():
    # The n-th tile at level l: MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l]), i from 0 to 255.
    found = files(600)
    leaves = [merkle.leaf_hash(entry(index)) for index in range(600)]
    assert found["tile/0/001"] == b"".join(leaves[256:512])
    assert found["tile/0/002.p/88"] == b"".join(leaves[512:])
    assert found["tile/1/000.p/2"] == merkle.Tree(leaves[:256]).root() + merkle.Tree(leaves[256:512]).root()


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 600, 65535, 65536, MOST])
def test_the_tree_read_from_files_is_the_tree(size):
    found = files(size)
    node = tiles.read_node(size, found.__getitem__)
    for level in range(18):
        for index in range(size >> level):
            assert node(level, index) == TREE.node(level, index)
        for index in (size >> level, -1):
            with pytest.raises(BadInput, match=f"no node {index} at level {level}"):
                node(level, index)
    with pytest.raises(BadInput, match="at level -1"):
        node(-1, 0)
    assert merkle.root(size, node) == merkle.root(size, TREE.node)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 600])
def test_bundles_hash_to_the_tiles_of_level_0(size):
    found = files(size)
    entries = []
    for path, data in found.items():
        if path.startswith("tile/0/"):
            width = len(data) // 32
            part = tiles.read_bundle(found[path.replace("tile/0/", "tile/entries/")], width, path)
            assert b"".join(map(merkle.leaf_hash, part)) == data
            entries += part
    assert entries == [entry(index) for index in range(size)]


LARGE = files(MOST)


@given(st.data())
def test_a_client_proves_from_files_alone(data):
    size = data.draw(st.integers(1, MOST))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    node = tiles.read_node(MOST, LARGE.__getitem__)  # the newest files serve every smaller tree
    root, old_root = merkle.root(size, TREE.node), merkle.root(old, TREE.node)
    leaf = merkle.leaf_hash(entry(index))
    assert merkle.verify_inclusion(leaf, index, size, merkle.inclusion_proof(index, size, node), root)
    assert merkle.verify_consistency(old, size, old_root, root, merkle.consistency_proof(old, size, node))


def test_a_changed_tile_gives_no_proof():
    root = merkle.root(MOST, TREE.node)
    leaf = merkle.leaf_hash(entry(300))
    for path in ("tile/0/001", "tile/1/000", "tile/2/000.p/1"):
        changed = {**LARGE, path: bytes([LARGE[path][0] ^ 1]) + LARGE[path][1:]}
        proof = merkle.inclusion_proof(300, MOST, tiles.read_node(MOST, changed.__getitem__))
        good = merkle.verify_inclusion(leaf, 300, MOST, proof, root)
        assert good == (path == "tile/2/000.p/1")  # on the way up itself: its hash is in no proof of leaf 300
    proof = merkle.inclusion_proof(MOST - 1, MOST, tiles.read_node(MOST, changed.__getitem__))
    assert not merkle.verify_inclusion(merkle.leaf_hash(entry(MOST - 1)), MOST - 1, MOST, proof, root)


@pytest.mark.parametrize("cut", [slice(0, 0), slice(0, -1), slice(0, -32), slice(32, None)])
def test_a_tile_of_another_length_is_refused(cut):
    short = {path: data[cut] for path, data in files(257).items()}
    node = tiles.read_node(257, short.__getitem__)
    for level, index, path in ((0, 5, "tile/0/000"), (0, 256, "tile/0/001.p/1"), (8, 0, "tile/1/000.p/1")):
        with pytest.raises(RecordInvalid, match=f"{path}: has "):
            node(level, index)


def test_a_missing_file_is_the_lookup_s_to_report():
    with pytest.raises(KeyError, match="tile/0/000"):
        tiles.read_node(256, {}.__getitem__)(0, 0)


def test_a_tile_is_fetched_once_a_proof():
    asked = []

    def lookup(path):
        asked.append(path)
        return LARGE[path]

    node = tiles.read_node(MOST, lookup)
    merkle.inclusion_proof(300, MOST, node)
    assert sorted(asked) == ["tile/0/001", "tile/0/256.p/3", "tile/1/000"]


@given(st.lists(st.binary(max_size=600), max_size=20))
def test_bundles_round_trip(entries):
    data = tiles.bundle(entries)
    assert tiles.read_bundle(data, len(entries), "x") == entries
    for changed, width in ((data + b"\x00", len(entries)), (data[:-1], len(entries)), (data, len(entries) + 1)):
        if changed != data or width != len(entries):
            with pytest.raises(RecordInvalid, match="is not a bundle"):
                tiles.read_bundle(changed, width, "x")


def test_lengths_are_16_bits_big_endian():
    assert tiles.bundle([b"ab", b"", b"c" * 258]) == b"\x00\x02ab\x00\x00\x01\x02" + b"c" * 258
    assert tiles.read_bundle(tiles.bundle([b"x" * 65535]), 1, "x") == [b"x" * 65535]
    with pytest.raises(BadInput, match="65536 bytes is above"):
        tiles.bundle([b"x" * 65536])


def test_a_negative_size_is_refused():
    with pytest.raises(BadInput, match="can't have -1 leaves"):
        list(tiles.tiles(-1, TREE.node, entry))
