"""
What a clone must not share with its template besides what init has already renewed (the kernel's clock and
generator, and with it os.urandom, secrets and uuid4): generators that have a state of their own in this process.
"""

import random
import sys


def freshen(entropy):
    random.seed(entropy)
    openssl = sys.modules.get("_ssl")
    if openssl is not None:
        openssl.RAND_add(entropy, len(entropy))
    tempfile = sys.modules.get("tempfile")
    if tempfile is not None:
        tempfile._name_sequence = None  # seeded once a process, and kept
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed(random.getrandbits(32))
    uuid = sys.modules.get("uuid")
    if uuid is not None:
        uuid._last_timestamp = None
