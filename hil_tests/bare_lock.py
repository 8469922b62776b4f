"""The `bluetooth` module with nothing of ours around it, as careless firmware would use it. For test_bluetooth.py.

Prints what each event handed it; answers a write with a notification of what the attribute then holds. Does not
advertise again by itself. A written line is an order where `ORDERS` knows it.
"""

import asyncio
import sys

sys.path[0] = "."  # the checkout, not hil_tests/

import bluetooth  # noqa: E402

from protocol import gatt  # noqa: E402

ble = bluetooth.BLE()
kept = []  # addresses as events handed them over, not copied


def tried(action, *arguments):
    """What calling it gave, or the number of the OSError."""
    try:
        return action(*arguments)
    except OSError as error:
        return f"OSError {error.errno}"


def advertise():
    manufacturer = b"\x0b\xff\xff\xffbarelock"
    response = b"\x11\x07" + bytes(bluetooth.UUID(gatt.SERVICE))
    return tried(lambda: ble.gap_advertise(50_000, manufacturer, resp_data=response))


def fail():
    raise ValueError("careless")


ORDERS = {
    b"advertise": lambda link: advertise(),
    b"fail": lambda link: fail(),
    b"room": lambda link: ble.gatts_set_buffer(rx, 64, False),
    b"append": lambda link: ble.gatts_set_buffer(rx, 64, True),
    b"dead": lambda link: tried(ble.gatts_notify, link + 1, tx, b"?"),
    b"cut dead": lambda link: tried(ble.gap_disconnect, link + 1),
    b"no handle": lambda link: tried(ble.gatts_read, 999),
    b"kept": lambda link: [bytes(view) for view in kept][0] == bytes(kept[-1]),
    b"long": lambda link: tried(ble.gap_advertise, 50_000, bytes(32)),
    b"off": lambda link: (ble.active(False), tried(ble.gap_advertise, None)),
    b"indicate": lambda link: ble.gatts_indicate(link, both, b"for sure"),
}


def irq(event, data):
    print("event", event, [bytes(item) if isinstance(item, memoryview) else item for item in data])
    if event == 1:
        kept.append(data[2])
    elif event == 3 and data[1] == rx:
        value = ble.gatts_read(rx)
        if value in ORDERS:
            print("order", value, ORDERS[value](data[0]))
        else:
            ble.gatts_notify(data[0], tx, value)
    elif event == 4:
        return 0x05 if refuse else 0


refuse = False
print("inactive", tried(ble.gap_advertise, 50_000, b""), tried(ble.gatts_read, 1))
ble.irq(irq)
ble.active(True)
ble.config(mtu=185)
((rx, tx, both, described),) = ble.gatts_register_services(
    (
        (
            bluetooth.UUID(gatt.SERVICE),
            (
                (bluetooth.UUID(gatt.RX), bluetooth.FLAG_WRITE | bluetooth.FLAG_WRITE_NO_RESPONSE),
                (bluetooth.UUID(gatt.TX), bluetooth.FLAG_NOTIFY),
                (
                    bluetooth.UUID(0x2A19),
                    bluetooth.FLAG_READ | bluetooth.FLAG_INDICATE,
                    ((bluetooth.UUID(0x2901), bluetooth.FLAG_READ),),
                ),
            ),
        ),
    )
)
ble.gatts_write(both, b"a value of more than twenty bytes")
ble.gatts_write(described, b"charge")
advertise()
print("ready")
asyncio.run(asyncio.Event().wait())
