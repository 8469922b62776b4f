from firmware import machine
from protocol import status

# SPEC.md section 7, row by row, with the rows that follow from its sentences; what is not here is illegal.
LOCKED, OPENING, OPEN = status.STATE_LOCKED, status.STATE_OPENING, status.STATE_OPEN
PARKED, JAMMED, SERVICE = status.STATE_PARKED, status.STATE_JAMMED, status.STATE_SERVICE
LEGAL = {
    (LOCKED, machine.START): OPENING,
    (JAMMED, machine.START): OPENING,
    (OPENING, machine.OPENED): OPEN,
    (OPENING, machine.SHUT): LOCKED,
    (OPENING, machine.SHUT_RIDE): PARKED,
    (OPENING, machine.STUCK): JAMMED,
    (OPEN, machine.HAND_OVER): OPEN,
    (OPEN, machine.SHUT_RIDE): PARKED,
    (PARKED, machine.REOPEN): OPENING,
    (JAMMED, machine.REOPEN): OPENING,
    (PARKED, machine.ENDED): LOCKED,
    (JAMMED, machine.ENDED): JAMMED,
    (SERVICE, machine.ENDED): SERVICE,
    (LOCKED, machine.SERVICE): OPENING,
    (JAMMED, machine.SERVICE): OPENING,
    (PARKED, machine.SERVICE): OPENING,
    (SERVICE, machine.SERVICE): OPENING,
    (OPENING, machine.SERVICED): SERVICE,
    (SERVICE, machine.SHUT): LOCKED,
    (SERVICE, machine.SHUT_RIDE): PARKED,
    (JAMMED, machine.SHUT): LOCKED,
    (JAMMED, machine.SHUT_RIDE): PARKED,
    (SERVICE, machine.START): OPENING,
    (SERVICE, machine.HAND_OVER): OPEN,
    (LOCKED, machine.HAND_OVER): OPEN,
    (JAMMED, machine.HAND_OVER): OPEN,
    (SERVICE, machine.REOPEN): OPENING,
}


def _refused(state, event):
    try:
        machine.step(state, event)
    except machine.Illegal:
        return True
    return False


def test_every_pair_of_the_table():
    for (state, event), after in LEGAL.items():
        assert machine.step(state, event) == after


def test_every_pair_not_in_the_table_is_refused():
    tried = 0
    for state in list(status.STATE_NAMES) + [-1, 7, None]:
        for event in list(machine.EVENTS) + [-1, 99, None]:
            known = (state, event) in LEGAL or (event == machine.FAULT and state in status.STATE_NAMES)
            assert _refused(state, event) == (not known), (state, event)
            tried += 1
    assert tried == 10 * 14


def test_failing_storage_means_quarantine_from_any_state_and_nothing_leads_out():
    for state in status.STATE_NAMES:
        assert machine.step(state, machine.FAULT) == status.STATE_QUARANTINE
    for event in machine.EVENTS:
        if event != machine.FAULT:
            assert _refused(status.STATE_QUARANTINE, event)


def test_only_a_hand_locks():
    """Into locked or parked leads only what the sensor saw, or the end of a ride that was parked already."""
    for (_, event), after in machine.TABLE.items():
        if after in (LOCKED, PARKED):
            assert event in (machine.SHUT, machine.SHUT_RIDE, machine.ENDED)
