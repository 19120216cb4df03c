from anyjob.backends.redis.slots import Range, Slots, read_slots, slot_of

ONE, TWO, THREE = ("one", 1), ("two", 2), ("three", 3)


def test_slot_is_that_of_what_stands_in_braces() -> None:
    # The examples of the specification: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
    assert slot_of(b"123456789") == 0x31C3
    assert slot_of(b"anyjob:{mail}:jobs") == slot_of(b"anyjob:{mail}:lease") == slot_of(b"mail")
    assert slot_of(b"anyjob:{mail}:jobs") != slot_of(b"anyjob:{post}:jobs")


def test_each_slot_has_the_holder_of_its_range() -> None:
    slots = Slots([Range(200, 300, TWO), Range(0, 99, ONE), Range(301, 400, ONE)])

    assert [slots.holder(at) for at in (0, 99, 200, 300, 301, 400)] == [
        ONE,
        ONE,
        TWO,
        TWO,
        ONE,
        ONE,
    ]
    assert [slots.holder(at) for at in (100, 199, 401, 16383)] == [None] * 4
    assert slots.nodes == (ONE, TWO)
    assert Slots().holder(0) is None


def test_slots_that_a_replica_has_taken_are_a_failover_and_those_that_moved_are_none() -> None:
    before = Slots(
        [Range(0, 49, ONE, (THREE,)), Range(50, 99, ONE, (THREE,)), Range(100, 199, TWO)]
    )

    assert before.failovers(before, {ONE, TWO}) == []
    moved = Slots([Range(0, 199, TWO, (ONE, THREE))])
    assert before.failovers(moved, {ONE}) == []
    taken = Slots([Range(0, 49, THREE), Range(50, 99, THREE), Range(100, 199, TWO)])
    assert before.failovers(taken, ()) == [(ONE, THREE)]
    # Nobody has the slots of the first yet, and the second has given its own away.
    assert before.failovers(Slots([Range(100, 199, THREE)]), ()) == []
    # What one node gave away and lost to its replica, at once.
    both = Slots([Range(0, 49, TWO), Range(50, 99, THREE), Range(100, 199, TWO)])
    assert before.failovers(both, ()) == [(ONE, THREE)]


def test_newcomer_is_a_replica_where_the_holder_was_missed() -> None:
    before, later = Slots([Range(0, 99, ONE)]), Slots([Range(0, 99, TWO)])

    assert before.failovers(later, {ONE}) == [(ONE, TWO)]
    assert before.failovers(later, {THREE}) == []


def test_maps_that_say_the_same_are_alike() -> None:
    reply = [[0, 99, [b"a", 1, b"id"], [b"b", 2, b"id"], [b"c", 3, b"id"]]]
    turned = [[0, 99, [b"a", 1, b"id"], [b"c", 3, b"id"], [b"b", 2, b"id"]]]
    other = [[0, 99, [b"b", 2, b"id"], [b"a", 1, b"id"], [b"c", 3, b"id"]]]

    assert read_slots(reply, ONE).is_like(read_slots(turned, ONE))
    assert not read_slots(reply, ONE).is_like(read_slots(other, ONE))


def test_node_that_does_not_know_its_name_is_the_one_that_was_asked() -> None:
    for unknown in (b"", None, b"?"):
        reply = [
            [0, 5460, [unknown, 7000, b"id", []], [b"10.0.0.4", 7003, b"id", []]],
            [5461, 16383, [b"10.0.0.2", 7001, b"id", []]],
        ]

        assert read_slots(reply, ("10.0.0.1", 9)).nodes == (("10.0.0.1", 7000), ("10.0.0.2", 7001))
