import vfs
from flash import Flash

_flash = Flash()
try:
    vfs.mount(_flash, "/")
except OSError:
    vfs.VfsLfs2.mkfs(_flash)
    vfs.mount(_flash, "/")
del _flash
