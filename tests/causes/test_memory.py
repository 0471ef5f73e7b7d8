"""What was learned of causes: an id seen once stays, whatever window, tool or server shows its cause next."""

import random

import msgspec
import pytest

from server.causes import memory as memories
from server.causes.families import Member
from server.causes.memory import Cause, Memory
from server.causes.signatures import group_id, signature_of

FIRST = "Jane Ana Per Mia Ole Eva Ivo Kim Lea Max Noa Pia Rob Sue Tom Una Vic Wim Xia Yan".split()
LAST = (
    "Smith Lopez Berg Wong Hansen Klein Babic Roth Marsh Costa Weber Novak Sato Ricci Moreau Dale Quist Bauer".split()
)
NAMES = [f"{first} {last}" for first, last in zip(FIRST, LAST, strict=False)]


def member(body: str, source: str = "samsara") -> Member:
    return Member(source, "tsp", 400, signature_of(body).skeleton)


def about(name: str) -> Member:
    return member(f"Driver {name} is assigned to another terminal")


def test_an_id_of_a_wide_window_is_told_of_one_failure_alone() -> None:
    memory = Memory()
    wide = memory.learn(map(about, NAMES))
    (name,) = {wide.id_of(about(each)) for each in NAMES}
    assert memory.learn([about("Somebody Else")]).id_of(about("Somebody Else")) == name


def test_the_oldest_id_stays_and_the_others_are_said_to_have_become_it() -> None:
    now = [0.0]
    memory = Memory(lambda: now[0])
    first = memory.learn([about("Jane Smith")]).id_of(about("Jane Smith"))
    now[0] = 10.0
    second = memory.learn([about("Per Berg")]).id_of(about("Per Berg"))
    assert first != second
    wide = memory.learn(map(about, NAMES))
    assert {wide.id_of(about(each)) for each in NAMES} == {first}
    assert wide.became([first]) == {first: [second]}
    assert memory.resolve(second) == first == memory.resolve(first)
    now[0] = 10_000.0
    assert memory.learn(map(about, NAMES)).became([first]) == {}
    assert memory.resolve(second) == first


def test_the_id_of_a_signature_leads_to_its_cause_and_an_unknown_one_nowhere() -> None:
    memory = Memory()
    learned = memory.learn(map(about, NAMES))
    assert memory.resolve(group_id(*about(NAMES[3]))) == learned.id_of(about(NAMES[0]))
    assert memory.resolve("g_00000000") is None


def test_other_causes_types_and_sources_keep_ids_of_their_own() -> None:
    memory = Memory()
    others = [member("Driver licence has expired"), about(NAMES[0])._replace(status_code=409)]
    elsewhere = [about(name)._replace(source_name="motive") for name in NAMES]
    learned = memory.learn([*map(about, NAMES), *others, *elsewhere])
    assert len({learned.id_of(each) for each in (about(NAMES[0]), *others, elsewhere[0])}) == 4


@pytest.mark.parametrize("seed", range(5))
def test_ids_stay_through_later_windows_in_any_order(seed: int) -> None:
    drawn = random.Random(seed)
    names_of = [f"{drawn.choice(FIRST)} {drawn.choice(LAST)}" for _ in range(80)]
    bodies = [f"Driver {name} is assigned to {state} team" for name in names_of for state in ("night", "spare")]
    bodies += [f"{name} may not edit vehicle {number}" for number, name in enumerate(names_of)]
    memory = Memory()
    first = memory.learn(map(member, drawn.sample(bodies, 120)))
    names = {body: first.id_of(member(body)) for body in bodies}
    for _ in range(4):
        window = drawn.sample(bodies, 9)
        later = memory.learn(map(member, window))
        assert {body: later.id_of(member(body)) for body in window} == {body: names[body] for body in window}


def test_what_another_server_learned_names_causes_here_too() -> None:
    one, other = Memory(lambda: 1.0), Memory(lambda: 2.0)
    name = one.learn(map(about, NAMES[:8])).id_of(about(NAMES[0]))
    told = msgspec.msgpack.decode(msgspec.msgpack.encode(one.told("samsara")), type=list[Cause])
    other.learn(map(about, NAMES[8:]))
    other.take("samsara", told)
    assert other.learn([about("Nobody Yet")]).id_of(about("Nobody Yet")) == name
    assert other.changed() == ["samsara"]
    assert other.changed() == []
    other.take("samsara", told)
    other.learn([about("Nobody Yet")])
    assert other.changed() == []


def test_memory_is_bounded_and_keeps_the_causes_seen_in_several_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memories, "MOST_CAUSES", 5)
    memory = Memory()
    name = memory.learn(map(about, NAMES)).id_of(about(NAMES[0]))
    words = "".join(random.Random(1).choices("abcdefghij", k=400))
    memory.learn(member(f"{words[i : i + 9]} {words[i * 2 : i * 2 + 7]} {words[i * 3 :][:8]}") for i in range(60))
    causes = {cause.id: cause for cause in memory.told("samsara")}
    assert len(causes) <= 5
    assert len(causes[name].anchors) == min(len(NAMES), memories.MOST_ANCHORS)
