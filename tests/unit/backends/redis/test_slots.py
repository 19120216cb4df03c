from anyjob.backends.redis.slots import Slots, read_slots, slot_of

ONE, TWO, THREE = ("one", 1), ("two", 2), ("three", 3)


def test_slot_is_that_of_what_stands_in_braces() -> None:
    # The examples of the specification: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
    assert slot_of(b"123456789") == 0x31C3
    assert slot_of(b"anyjob:{mail}:jobs") == slot_of(b"anyjob:{mail}:lease") == slot_of(b"mail")
    assert slot_of(b"anyjob:{mail}:jobs") != slot_of(b"anyjob:{post}:jobs")


def test_each_slot_has_the_holder_of_its_range() -> None:
    slots = Slots([(200, 300, TWO), (0, 99, ONE), (301, 400, ONE)])

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


def test_heir_is_who_holds_the_first_slot_later() -> None:
    before = Slots([(0, 99, ONE), (100, 199, TWO)])
    after = Slots([(0, 99, THREE), (100, 199, TWO)])

    assert before.heir(ONE, after) == THREE
    assert before.heir(TWO, after) == TWO
    assert before.heir(THREE, after) is None


def test_node_that_does_not_know_its_name_is_the_one_that_was_asked() -> None:
    for unknown in (b"", None, b"?"):
        reply = [
            [0, 5460, [unknown, 7000, b"id", []], [b"10.0.0.4", 7003, b"id", []]],
            [5461, 16383, [b"10.0.0.2", 7001, b"id", []]],
        ]

        assert read_slots(reply, ("10.0.0.1", 9)).nodes == (("10.0.0.1", 7000), ("10.0.0.2", 7001))
