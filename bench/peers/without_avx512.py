"""Takes AVX-512 from a copy of a package whose native code has no switch against it.

A program may use AVX-512 only if the system keeps its registers, which XGETBV tells (Intel SDM,
volume 1, section 14.3). In the copy each XGETBV is `push 7; pop rax`: x87, SSE and AVX are kept, no
more. So the program takes the kernels that it has for a processor without AVX-512.
"""
import os
import re
import shutil

# XGETBV where its register number was cleared shortly before, or its answer is put together after:
# the same three bytes also occur within other instructions.
XGETBV = re.compile(rb"(?<=\x31\xc9)(.{0,14}?)\x0f\x01\xd0"
                    rb"|\x0f\x01\xd0(?=\x89\xc0|\x48\xc1[\xe2\xe8])", re.DOTALL)


def copy_without_avx512(package, target):
    """Copies the folder `package` to `target`; returns how many XGETBV were replaced."""
    replaced = 0

    def copy(source, destination):
        nonlocal replaced
        if ".so" in os.path.basename(source):
            with open(source, "rb") as f:
                code, n = XGETBV.subn(lambda m: (m.group(1) or b"") + b"\x6a\x07\x58", f.read())
            if n:
                replaced += n
                with open(destination, "wb") as f:
                    f.write(code)
                return destination
        return shutil.copy2(source, destination)

    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(package, target, copy_function=copy)
    return replaced
