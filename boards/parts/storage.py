"""The flash's file system: littlefs, which MicroPython's own start-up has mounted."""

import os

_ENOENT = 2


class Storage:
    """boards.contract.Storage. `root`: without a trailing slash; "" is the whole flash."""

    def __init__(self, root):
        self.root = root

    def provisioned(self):
        """Whether a host has made this board a lock. OSError when the storage does not even say that."""
        try:
            os.stat(self.root + "/identity")
        except OSError as error:
            if error.errno == _ENOENT:
                return False
            raise
        return True
