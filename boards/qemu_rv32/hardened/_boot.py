import rv32
import vfs
from flash import Flash

from boards import hardened


def mount():
    vfs.mount(Flash(), "/")


hardened.start(mount, "/lock", "qemu_rv32", "boards.qemu_rv32.main", lambda: rv32.exit(3))
