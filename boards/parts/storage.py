"""The flash's file system: littlefs, which MicroPython's own start-up has mounted."""


class Storage:
    """boards.contract.Storage. `root`: without a trailing slash; "" is the whole flash."""

    def __init__(self, root):
        self.root = root
