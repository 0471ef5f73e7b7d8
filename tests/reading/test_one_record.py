"""Which writes are told as the story of one record, where the one that is asked about carries no id yet."""

from server.catena.wire import Operation
from server.reading.one_record import Identity
from tests.analysis.test_identity import DRIVER, OTHER, create


def of(first: Operation, others: list[Operation]) -> list[str]:
    record = Identity("user", first.connection_id)
    record.learn([first])
    for _ in range(2):
        owned = record.without_others([op for op in [first, *others] if record.owns(op)])
        record.learn(owned)
    return [op.id for op in owned]


def test_a_corrected_create_leads_from_the_failed_one_to_the_ids_and_so_to_its_updates() -> None:
    failed, mended = create(1, DRIVER), create(2, DRIVER | {"license_number": "X1"}, "success")
    update = create(3, {"phone": "1"}, "success", operation_type="update", source_id="s2", resource_id="r2")
    assert of(failed, [mended, update, create(4, OTHER, "success")]) == [op.id for op in (failed, mended, update)]


def test_an_identical_payload_leads_there_too() -> None:
    failed, sent_again = create(1, {"unit": "12"}), create(2, {"unit": "12"}, "success")
    assert of(failed, [sent_again]) == [failed.id, sent_again.id]


def test_what_would_lead_to_several_records_leads_to_none() -> None:
    failed, again = create(1, DRIVER), create(4, DRIVER)
    two = [create(n, DRIVER | {"license_number": f"X{n}"}, "success") for n in (2, 3)]
    assert of(failed, [*two, again]) == [failed.id, again.id]


def test_a_record_that_has_ids_owns_none_with_others_however_alike() -> None:
    first = create(1, DRIVER, "success")
    assert of(first, [create(2, DRIVER, "success")]) == [first.id]
