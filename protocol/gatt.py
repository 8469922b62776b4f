"""The GATT names that a lock and a phone share. Plain values; framing inside a write: frames.py and SPEC.md."""

SERVICE = "7c1a0001-52e9-4f1d-9b57-3a6f0c2e8d11"
RX = "7c1a0002-52e9-4f1d-9b57-3a6f0c2e8d11"  # phone to lock: write, write without response
TX = "7c1a0003-52e9-4f1d-9b57-3a6f0c2e8d11"  # lock to phone: notify
COMPANY = 0xFFFF  # company identifier of the advertisement: the value that Bluetooth SIG keeps for tests
