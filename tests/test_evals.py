"""The questions with known answers, put to the tools by the script, and the judge that says whether an answer holds them."""

import ast
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import anyio
import httpx
import msgspec
import pytest

import evals
from evals.causes import CAUSES
from evals.facts import Rate, Said, each, facts, missing_in
from evals.fleets import NEW_SOURCE
from evals.judge import judge
from evals.questions import Question, call, questions_of
from evals.report import GOAL, answered, false_all_clears, report
from evals.runner import Outcome, run
from evals.truth import Ambiguous, Share, Truth, by_failed, failed, most
from evals.world import World, build_world
from server.demo.access import CLIENT_ID, CLIENT_SECRET, TOKEN_PATH
from server.demo.api import build_api
from server.demo.contract import OPERATIONS_PATH
from server.demo.ids import to_datetime

pytestmark = pytest.mark.xdist_group("evals")


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


@pytest.fixture(scope="module")
def truth(world: World) -> Truth:
    return Truth(world)


@pytest.fixture(scope="module")
def outcomes(world: World, truth: Truth) -> list[Outcome]:
    return anyio.run(run, world, questions_of(truth))


def test_at_most_two_calls_answer_the_questions_and_none_is_called_well_falsely(outcomes: list[Outcome]) -> None:
    assert len(outcomes) >= 40
    assert answered(outcomes) >= GOAL, report(outcomes)
    assert not false_all_clears(outcomes), report(outcomes)


def test_the_report_names_each_question_and_what_it_misses(outcomes: list[Outcome]) -> None:
    told = report(outcomes)
    for outcome in outcomes:
        assert outcome.question.id in told
        assert outcome.verdict.right or f"missed {outcome.question.id}: " in told


def test_the_world_is_the_same_each_time_and_holds_every_cause(world: World) -> None:
    def seen(of: World) -> str:
        return sha256(msgspec.json.encode([of.row(write, of.now) for write in of.operations])).hexdigest()

    assert seen(world) == seen(build_world.__wrapped__())
    assert {write.cause for write in failed(world.operations)} == set(CAUSES)
    assert {write.status for write in world.operations} == {"success", "failed", "pending", "cancelled"}


def test_the_world_is_served_under_the_rules_of_the_stand_in(world: World) -> None:
    async def ask(http: httpx.AsyncClient, **query: str) -> httpx.Response:
        return await http.get(OPERATIONS_PATH, params=query)

    async def walk() -> None:
        transport = httpx.ASGITransport(app=build_api(world, clock=lambda: world.now))
        async with httpx.AsyncClient(transport=transport, base_url="http://evals.test") as http:
            assert (await ask(http)).status_code == 401
            form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
            granted = (await http.post(TOKEN_PATH, data=form | {"scope": "organization"})).json()
            http.headers["authorization"] = f"Bearer {granted['access_token']}"
            assert (await ask(http, source_name="no_such_tsp")).status_code == 422
            assert (await ask(http, from_datetime="2026-01-01", to_datetime="2026-03-01")).status_code == 422
            assert (await ask(http, source_name=NEW_SOURCE)).json()["items"]
            query, seen = {"from_datetime": "2026-10-01", "size": "1000"}, set[str]()
            while query.get("cursor") != "":
                page = (await ask(http, **query)).json()
                seen |= {item["id"] for item in page["items"]}
                query["cursor"] = page["next_page"] or ""
            assert seen == {write.id for write in world.operations if to_datetime(write.created) >= OCTOBER}

    anyio.run(walk)


OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)


def test_a_failed_write_has_one_true_cause_and_its_text_differs_within_messages(truth: Truth) -> None:
    for key in ("session", "login", "gone", "organisation", "licence"):
        texts = [write.attempts[-1].text for write in failed(truth.last(14), key)]
        assert len(set(texts)) > len(texts) / 2, key
        assert not any("$" in text for text in texts), key


def test_ids_of_questions_are_their_own_and_each_has_an_answer(truth: Truth) -> None:
    questions = questions_of(truth)
    assert len({question.id for question in questions}) == len(questions)
    assert all(question.facts and question.text for question in questions)


def test_the_truth_owes_nothing_to_the_analysis_it_measures() -> None:
    for path in Path(evals.__file__).parent.rglob("*.py"):
        named = [
            node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)
        ]
        rooms = {name.split(".")[1] for name in named if name.startswith("server.")}
        assert rooms <= {"demo", "catena", "app", "settings"}, path.name
        assert rooms <= {"demo", "catena"} or path.name == "serving.py", path.name


def test_a_question_without_a_single_answer_is_refused() -> None:
    with pytest.raises(Ambiguous):
        most([Share("a", 3, 9), Share("b", 3, 5)], 1, by_failed)


QUESTION = Question(
    id="q",
    who="a test",
    text="Which fleets?",
    call=call("break_down_failures", by="fleet_ref"),
    facts=facts(("north", 12, Rate(0.1234)), ("south", 3, Rate(0.5))),
    read=each("rows", "fleet", "failed", "rate"),
)
RIGHT = {"rows": [{"fleet": "north", "failed": 12, "rate": 0.1234}, {"fleet": "south", "failed": 3, "rate": 0.5}]}
SAID = "All:\n1. «north»: 12/97 (12.3 %)\n2. «south»:\n   3/6 (50 %)"


def test_an_answer_that_holds_the_facts_in_both_forms_is_right() -> None:
    assert judge(QUESTION, RIGHT, SAID).right


@pytest.mark.parametrize(
    "rows",
    [
        [{"fleet": "north", "failed": 13, "rate": 0.1234}, {"fleet": "south", "failed": 3, "rate": 0.5}],
        [{"fleet": "north", "failed": 12, "rate": 0.1234}],
        [*RIGHT["rows"], {"fleet": "east", "failed": 1, "rate": 0.5}],
        None,
        "none",
    ],
    ids=["another number", "one too few", "one too many", "no rows", "no list"],
)
def test_an_answer_with_other_facts_is_a_miss(rows: object) -> None:
    verdict = judge(QUESTION, {"rows": rows}, SAID)
    assert not verdict.structured
    assert verdict.text
    assert verdict.missing


@pytest.mark.parametrize(
    "text",
    [
        SAID.replace("12/97", "112/97"),
        SAID.replace("12/97", "12.5/97"),
        SAID.replace("\n   3", "\n3"),
        "12 3 north south",
    ],
    ids=["a longer number", "another number", "apart from its fleet", "no rates"],
)
def test_a_text_counts_only_with_whole_values_side_by_side(text: str) -> None:
    verdict = judge(QUESTION, RIGHT, text)
    assert verdict.structured
    assert not verdict.text


def test_thousands_may_be_written_either_way_and_a_value_in_other_words() -> None:
    assert not missing_in("1,234 of 5678 failed: OUT OF SYNC", facts((1234, 5678, Said("out_of_sync", "OUT OF SYNC"))))
    assert missing_in("1,234", facts((234,)))


def test_a_name_is_not_found_in_that_of_its_namesake() -> None:
    assert missing_in("1. «acme-west»: 3", facts(("acme", 3)))
    assert missing_in("1. «north-acme»: 3", facts(("acme", 3)))
    assert not missing_in("1. «acme»: 3", facts(("acme", 3)))


FINE = {"totals": {"failed": 0, "operations": 5}, "coverage": {"complete": True}}


@pytest.mark.parametrize(
    ("content", "text", "clear"),
    [
        (FINE, "No failures in 5 operations.", True),
        (FINE | {"pending": {"over_1h": 3}}, "No failures; 3 for over 1 h", False),
        (FINE | {"pending": {"over_1h": 3}}, "No failures.", True),
        (FINE | {"coverage": {"complete": False}}, "No failures. NOT read whole", False),
        (FINE | {"coverage": {"complete": True, "note": "No such fleet."}}, "No operations. No such fleet.", False),
        ({"state": "in_sync"}, "in sync", True),
        ({"returned": 0}, "No matching operation", True),
        ({"totals": {"failed": 1}}, "1 failed", False),
    ],
)
def test_calling_well_what_is_not_is_told_unless_a_reservation_stands_in_both_forms(
    content: dict[str, object], text: str, clear: bool
) -> None:
    assert judge(QUESTION, content, text).false_all_clear is clear
    assert not judge(replace(QUESTION, all_clear=True), content, text).false_all_clear
