"""Frames: whole again whatever the MTU, refused whatever is lost, doubled, late or too long."""

from protocol import exchange, frames

BODY = bytes(range(256)) * 2


def receive(parts, **limits):
    receiver = frames.Receiver(**limits)
    messages = [message for message in [receiver.feed(part) for part in parts] if message]
    return messages, receiver


def refused(parts, **limits):
    try:
        receive(parts, **limits)
    except frames.FrameError:
        return True
    return False


def test_a_message_survives_every_frame_size():
    for payload in (20, 21, 100, 182, 244, 514):
        for length in (1, 4, 16, 17, 200, 512):
            parts = frames.Sender().frames(exchange.REQUEST, BODY[:length], payload)
            assert max(len(part) for part in parts) <= payload
            assert receive(parts)[0] == [(exchange.REQUEST, BODY[:length])]


def test_messages_follow_each_other_on_one_counter_past_its_wrap():
    sender = frames.Sender()
    parts = []
    for i in range(40):
        parts += sender.frames(exchange.HELLO, bytes([i]) * 70, 20)
    assert len(parts) > 128
    messages = receive(parts)[0]
    assert messages == [(exchange.HELLO, bytes([i]) * 70) for i in range(40)]


def test_loss_repetition_and_exchange_of_any_frame_is_refused():
    parts = frames.Sender().frames(exchange.REQUEST, BODY, 50)
    for i in range(len(parts)):
        assert refused(parts[: i + 1] + parts[i:])
        if i + 1 < len(parts):
            assert refused(parts[:i] + parts[i + 1 :])
            assert refused(parts[:i] + [parts[i + 1], parts[i]] + parts[i + 2 :])


def test_a_lost_last_frame_leaves_the_receiver_midway():
    parts = frames.Sender().frames(exchange.REQUEST, BODY, 50)
    messages, receiver = receive(parts[:-1])
    assert messages == [] and receiver.opcode is not None


def test_lengths_lies_and_leftovers_are_refused():
    first = bytes([0x80, exchange.HELLO, 0, 4])
    assert refused([first + b"12345"])  # more than announced
    assert refused([first + b"12", b"\x01345"])
    assert refused([bytes([0x80, exchange.HELLO, 0, 0])])  # nothing announced
    assert refused([bytes([0x80, exchange.HELLO, 4, 1]) + b"x"])  # over the limit of 1,024
    assert refused([first[:3]])
    assert refused([b"", b"\x80"])
    assert refused([b"\x00abc"])  # continues nothing
    assert refused([first + b"1", b"\x81" + first[1:] + b"1234"])  # message inside a message
    assert refused([bytes([0x80, 0x77, 0, 1]) + b"x"], opcodes=exchange.TO_LOCK)
    assert not refused([first + b"1234"], opcodes=exchange.TO_LOCK)


def test_the_receiver_holds_no_more_than_announced():
    receiver = frames.Receiver(limit=8)
    receiver.feed(bytes([0x80, exchange.HELLO, 0, 8]) + b"1234")
    try:
        receiver.feed(b"\x0112345")
        raise AssertionError("took nine bytes of eight")
    except frames.FrameError:
        pass
