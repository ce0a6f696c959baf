"""The tree is RFC 6962's, every proof of it holds, and nothing else does.

The reference is written from section 2.1 of the RFC, word for word; the vectors are those of Certificate Transparency.
"""

from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import BadInput
from harness.tlog import merkle

MOST = 300
DATA = [b"entry %d" % number for number in range(MOST)]
LEAVES = [merkle.leaf_hash(data) for data in DATA]
TREE = merkle.Tree(LEAVES)

# transparency-dev/merkle, proof/verify_test.go, as the reference code of Certificate Transparency had them.
VECTOR_DATA = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
VECTOR_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
VECTOR_INCLUSION = [
    (0, 1, []),
    (0, 8, [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]),
    (5, 8, [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (1, 5, [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]),
]  # fmt: skip
VECTOR_CONSISTENCY = [
    (1, 1, []),
    (1, 8, [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]),
    (6, 8, [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]),
    (2, 5, [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]),
    (6, 7, [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]),
]  # fmt: skip


# RFC 6962, section 2.1: D[begin:end] stands for the list, k is the largest power of two smaller than n.


def split(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


@cache
def mth(begin, end):
    if begin == end:
        return sha256(b"").digest()
    if end - begin == 1:
        return sha256(b"\x00" + DATA[begin]).digest()
    k = split(end - begin)
    return sha256(b"\x01" + mth(begin, begin + k) + mth(begin + k, end)).digest()


@cache
def path(m, begin, end):
    if end - begin == 1:
        return []
    k = split(end - begin)
    if m < k:
        return [*path(m, begin, begin + k), mth(begin + k, end)]
    return [*path(m - k, begin + k, end), mth(begin, begin + k)]


@cache
def subproof(m, begin, end, whole):
    n = end - begin
    if m == n:
        return [] if whole else [mth(begin, end)]
    k = split(n)
    if m <= k:
        return [*subproof(m, begin, begin + k, whole), mth(begin + k, end)]
    return [*subproof(m - k, begin + k, end, False), mth(begin, begin + k)]


# The same definitions read backwards: what a proof of this shape comes to, or None where it has another length.


def rebuilt(leaf, m, n, proof):
    if n == 1 or not proof:
        return leaf if n == 1 and not proof else None
    k = split(n)
    below = rebuilt(leaf, m, k, proof[:-1]) if m < k else rebuilt(leaf, m - k, n - k, proof[:-1])
    if below is None:
        return None
    return merkle.node_hash(below, proof[-1]) if m < k else merkle.node_hash(proof[-1], below)


def rebuilt_pair(m, n, whole, proof, old_root):
    if m == n:
        if len(proof) != (0 if whole else 1):
            return None
        return (old_root, old_root) if whole else (proof[0], proof[0])
    if not proof:
        return None
    k = split(n)
    if m <= k:
        below = rebuilt_pair(m, k, whole, proof[:-1], old_root)
        return below and (below[0], merkle.node_hash(below[1], proof[-1]))
    below = rebuilt_pair(m - k, n - k, False, proof[:-1], old_root)
    return below and (merkle.node_hash(proof[-1], below[0]), merkle.node_hash(proof[-1], below[1]))


def flipped(value, bit):
    if isinstance(value, int):
        return value ^ (1 << bit % 9)
    place = bit // 8 % len(value)
    return value[:place] + bytes([value[place] ^ (1 << bit % 8)]) + value[place + 1 :]


def test_hashes_are_those_of_the_rfc():
    # transparency-dev/merkle, rfc6962/rfc6962_test.go
    assert merkle.EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert merkle.leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert (
        merkle.node_hash(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


def test_published_roots():
    tree = merkle.Tree()
    for data, expected in zip(VECTOR_DATA, VECTOR_ROOTS, strict=True):
        tree.append(merkle.leaf_hash(data))
        assert tree.root().hex() == expected


@pytest.mark.parametrize(("index", "size", "proof"), VECTOR_INCLUSION)
def test_published_inclusion_proofs(index, size, proof):
    tree = merkle.Tree(map(merkle.leaf_hash, VECTOR_DATA))
    assert [step.hex() for step in merkle.inclusion_proof(index, size, tree.node)] == proof
    leaf, root = merkle.leaf_hash(VECTOR_DATA[index]), bytes.fromhex(VECTOR_ROOTS[size - 1])
    assert merkle.verify_inclusion(leaf, index, size, [bytes.fromhex(step) for step in proof], root)


@pytest.mark.parametrize(("old", "size", "proof"), VECTOR_CONSISTENCY)
def test_published_consistency_proofs(old, size, proof):
    tree = merkle.Tree(map(merkle.leaf_hash, VECTOR_DATA))
    assert [step.hex() for step in merkle.consistency_proof(old, size, tree.node)] == proof
    roots = [bytes.fromhex(VECTOR_ROOTS[n - 1]) for n in (old, size)]
    assert merkle.verify_consistency(old, size, *roots, [bytes.fromhex(step) for step in proof])


def test_roots_of_every_size():
    for size in range(MOST + 1):
        assert merkle.root(size, TREE.node) == mth(0, size)
        assert merkle.Tree(LEAVES[:size]).root() == mth(0, size)


def test_a_leaf_makes_its_complete_nodes_and_no_other():
    store = {}
    for size, leaf in enumerate(LEAVES):
        made = merkle.appended(size, leaf, lambda level, index: store[level, index])
        assert [level for level, _, _ in made] == list(range(len(made)))
        for level, index, found in made:
            assert (level, index) not in store
            store[level, index] = found
    complete = {(level, index) for level in range(9) for index in range(MOST >> level)}
    assert set(store) == complete
    for level, index in complete:
        assert store[level, index] == TREE.node(level, index) == mth(index << level, (index + 1) << level)


@given(st.lists(st.integers(0, 40), max_size=8), st.booleans())
def test_a_tree_does_not_depend_on_how_it_was_filled(steps, singly):
    tree, end = merkle.Tree(), 0
    for step in steps:
        begin, end = end, min(MOST, end + step)
        if singly:
            for leaf in LEAVES[begin:end]:
                tree.append(leaf)
        else:
            tree.extend(LEAVES[begin:end])
        singly = not singly
    assert tree.size == end
    assert tree.root() == mth(0, end)
    for level in range(9):
        for index in range(end >> level):
            assert tree.node(level, index) == TREE.node(level, index)


def test_inclusion_of_every_leaf():
    for size in range(1, MOST + 1):
        root = mth(0, size)
        some = {0, 1, size // 3, size // 2, size - 2, size - 1} & set(range(size))
        for index in range(size) if size <= 64 else some:
            proof = merkle.inclusion_proof(index, size, TREE.node)
            assert proof == path(index, 0, size)
            assert merkle.verify_inclusion(LEAVES[index], index, size, proof, root)
            assert not merkle.verify_inclusion(LEAVES[index - 1], index, size, proof, root)


def test_consistency_of_every_pair():
    for size in range(1, MOST + 1):
        for old in range(1, size + 1):
            proof = merkle.consistency_proof(old, size, TREE.node)
            assert proof == subproof(old, 0, size, True)
            assert merkle.verify_consistency(old, size, mth(0, old), mth(0, size), proof)
            assert old == size or not merkle.verify_consistency(old, size, mth(0, old), mth(0, size), proof[:-1])


def test_every_tree_begins_with_the_empty_one_and_with_itself():
    for size in range(MOST + 1):
        root = mth(0, size)
        assert merkle.consistency_proof(0, size, TREE.node) == []
        assert merkle.verify_consistency(0, size, merkle.EMPTY_ROOT, root, [])
        assert merkle.verify_consistency(size, size, root, root, [])
        assert not merkle.verify_consistency(0, size, LEAVES[0], root, [])
        assert not merkle.verify_consistency(0, size, merkle.EMPTY_ROOT, root, [root])
        assert not merkle.verify_consistency(size, size, root, root, [root])
        assert not merkle.verify_consistency(size, size, root, mth(0, MOST - 1), []) or size == MOST - 1


def test_a_rewritten_cut_or_forked_log_has_no_proof():
    for size in range(2, 65):
        for old in range(1, size):
            for place in (0, old - 1):
                other = merkle.Tree([*LEAVES[:place], merkle.leaf_hash(b"rewritten"), *LEAVES[place + 1 : size]])
                proof = merkle.consistency_proof(old, size, other.node)
                assert merkle.verify_consistency(old, size, merkle.root(old, other.node), other.root(), proof)
                assert not merkle.verify_consistency(old, size, mth(0, old), other.root(), proof)
                assert not merkle.verify_consistency(old, size, mth(0, old), other.root(), subproof(old, 0, size, True))
            assert not merkle.verify_consistency(size, old, mth(0, size), mth(0, old), subproof(old, 0, size, True))


@given(st.data())
def test_a_flipped_bit_of_an_inclusion_proof_is_found(data):
    size = data.draw(st.integers(1, MOST))
    index = data.draw(st.integers(0, size - 1))
    parts = [LEAVES[index], index, size, mth(0, size), *path(index, 0, size)]
    place = data.draw(st.integers(0, len(parts) - 1))
    parts[place] = flipped(parts[place], data.draw(st.integers(0, 255)))
    leaf, index, size, root, *proof = parts
    accepted = merkle.verify_inclusion(leaf, index, size, proof, root)
    assert accepted == (0 <= index < size and rebuilt(leaf, index, size, proof) == root)
    assert not accepted or place == 2  # the size: see below


@given(st.data())
def test_a_flipped_bit_of_a_consistency_proof_is_found(data):
    size = data.draw(st.integers(1, MOST))
    old = data.draw(st.integers(1, size))
    parts = [old, size, mth(0, old), mth(0, size), *subproof(old, 0, size, True)]
    place = data.draw(st.integers(0, len(parts) - 1))
    parts[place] = flipped(parts[place], data.draw(st.integers(0, 255)))
    old, size, old_root, root, *proof = parts
    accepted = merkle.verify_consistency(old, size, old_root, root, proof)
    if old > 0:  # every tree begins with none, whose root is another
        assert accepted == (old <= size and rebuilt_pair(old, size, True, proof, old_root) == (old_root, root))
    assert not accepted or place == 1  # the size: see below


def test_every_bit_of_one_proof_counts():
    index, old, size = 5, 11, 23
    cases = [
        ([LEAVES[index], mth(0, size), *path(index, 0, size)],
         lambda leaf, root, *proof: merkle.verify_inclusion(leaf, index, size, proof, root)),
        ([mth(0, old), mth(0, size), *subproof(old, 0, size, True)],
         lambda old_root, root, *proof: merkle.verify_consistency(old, size, old_root, root, proof)),
    ]  # fmt: skip
    for parts, verify in cases:
        assert verify(*parts)
        for place in range(len(parts)):
            for bit in range(256):
                assert not verify(*parts[:place], flipped(parts[place], bit), *parts[place + 1 :])


@given(st.data())
def test_a_proof_with_a_step_too_many_too_few_or_cut_is_refused(data):
    size = data.draw(st.integers(2, MOST))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size - 1))
    extra = data.draw(st.sampled_from([b"", b"\x00" * 32, mth(0, size), LEAVES[index]]))
    for proof, verify in (
        (path(index, 0, size), lambda p: merkle.verify_inclusion(LEAVES[index], index, size, p, mth(0, size))),
        (subproof(old, 0, size, True), lambda p: merkle.verify_consistency(old, size, mth(0, old), mth(0, size), p)),
    ):
        place = data.draw(st.integers(0, len(proof) - 1))
        assert verify(proof)
        assert not verify([*proof[:place], extra, *proof[place:]])
        assert not verify([*proof, extra])
        assert not verify([*proof[:place], *proof[place + 1 :]])
        assert not verify([*proof[:place], proof[place][:31], *proof[place + 1 :]])
        assert not verify([*proof[:place], proof[place] + b"\x00", *proof[place + 1 :]])
        assert not verify([])


def test_bytes_may_not_move_between_a_leaf_and_its_neighbour():
    joined = LEAVES[0] + LEAVES[1]
    assert merkle.verify_inclusion(joined[:32], 0, 2, [joined[32:]], mth(0, 2))
    assert not merkle.verify_inclusion(joined[:31], 0, 2, [joined[31:]], mth(0, 2))


def test_a_larger_tree_may_not_pass_for_a_smaller_one():
    # Each hash adds up; the steps lead above the root of a tree of that size.
    assert merkle.verify_inclusion(LEAVES[1], 1, 2, [LEAVES[0]], mth(0, 2))
    assert not merkle.verify_inclusion(LEAVES[1], 0, 1, [LEAVES[0]], mth(0, 2))
    proof, above = subproof(3, 0, 4, True), LEAVES[9]
    assert merkle.verify_consistency(3, 4, mth(0, 3), mth(0, 4), proof)
    higher = [merkle.node_hash(above, mth(0, size)) for size in (3, 4)]
    assert not merkle.verify_consistency(3, 4, *higher, [*proof, above])


def test_what_is_no_hash_is_no_root():
    assert not merkle.verify_inclusion(b"", 0, 1, [], b"")
    assert not merkle.verify_consistency(0, 5, merkle.EMPTY_ROOT, b"", [])
    assert not merkle.verify_consistency(5, 5, b"root", b"root", [])


def test_a_proof_alone_does_not_bind_the_size():
    # 6 and 7 leaves: the way from leaf 0 and from the first four has the same turns. The checkpoint signs the size.
    assert merkle.verify_inclusion(LEAVES[0], 0, 7, path(0, 0, 6), mth(0, 6))
    assert merkle.verify_consistency(4, 7, mth(0, 4), mth(0, 6), subproof(4, 0, 6, True))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (5, 3), (0, -1)])
def test_a_leaf_that_is_not_there_has_no_proof(index, size):
    with pytest.raises(BadInput, match=f"no leaf {index}"):
        merkle.inclusion_proof(index, size, TREE.node)
    assert not merkle.verify_inclusion(LEAVES[0], index, size, [], LEAVES[0])


@pytest.mark.parametrize(("old", "size"), [(2, 1), (-1, 1), (0, -1), (1, 0)])
def test_a_tree_that_never_was_has_no_proof(old, size):
    with pytest.raises(BadInput, match=f"never had {old}"):
        merkle.consistency_proof(old, size, TREE.node)
    assert not merkle.verify_consistency(old, size, merkle.EMPTY_ROOT, LEAVES[0], [])


def test_sizes_and_nodes_beyond_the_tree_are_refused():
    with pytest.raises(BadInput, match="can't have -1 leaves"):
        merkle.root(-1, TREE.node)
    with pytest.raises(BadInput, match="can't have -1 leaves"):
        merkle.appended(-1, LEAVES[0], TREE.node)
    for level, index in ((0, MOST), (0, -1), (-1, 0), (8, 1), (9, 0)):
        with pytest.raises(BadInput, match=f"no node {index} at level {level}"):
            TREE.node(level, index)
    with pytest.raises(BadInput, match="no node"):
        merkle.root(MOST + 1, TREE.node)
