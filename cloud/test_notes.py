from cloud import locks, notes, telemetry
from cloud.testsite import NOW, problem
from protocol import telemetry as wire


def test_a_locks_notes_come_in_pages_and_in_words(site):
    bike, technician = site.bike(), site.person("technician")
    told = [(wire.NOTE_BOOT, 0), (wire.NOTE_REFUSED, 5), (wire.NOTE_UPDATE, 1), (200, 7)]
    with site.cloud.db.writing() as session:
        lock = locks.get(session, bike.hex)
        records = [(wire.NOTE, NOW + n, note, value) for n, (note, value) in enumerate(told)]
        telemetry.take(session, lock, wire.encode_batch(1, records), NOW)
    first = technician.get(f"/locks/{bike.hex}/notes?limit=3").get_json()
    assert [row["note"] for row in first["notes"]] == ["unknown", "update", "refused"]
    assert first["notes"][0] | {"seq": 0} == {
        "seq": 0,
        "at": NOW + 3,
        "note": "unknown",
        "value": 7,
        "what": None,
        "said": "Note 200 (7)",
    }
    rest = technician.get(f"/locks/{bike.hex}/notes?cursor={first['next']}").get_json()
    assert [(row["note"], row["said"]) for row in rest["notes"]] == [("boot", "Started")]
    assert rest["next"] is None
    problem(technician.get(f"/locks/{'00' * 8}/notes"), 404, "not_found")


def test_every_note_of_the_wire_has_words():
    numbers = [value for name, value in vars(wire).items() if name.startswith("NOTE_")]
    assert sorted(numbers) == sorted(notes.NOTES)
    assert len({word for word, _ in notes.NOTES.values()}) == len(numbers)
