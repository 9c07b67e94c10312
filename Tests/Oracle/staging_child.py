#!/usr/bin/python3
"""A staging child that does what a test wants: what the file `lines` beside it says.

It is started by a link in the test's folder. (A script that a test writes cannot be started while
another test's child, born at that moment, still has it open for writing.)

The lines have `take()` and `say(kind, body)` for frames, `ready()` and `reply()` for what a good
child says, and `stay()`, which never returns. The number of the process stands in `pid`.
"""

import os
import signal
import socket
import struct
import sys

folder = os.path.dirname(sys.argv[0])
end = socket.socket(fileno=3)


def exactly(count):
    data = b""
    while len(data) < count:
        part = end.recv(count - len(data))
        if not part:
            os._exit(0)
        data += part
    return data


def take():
    count, kind = struct.unpack("<IB", exactly(5))
    return kind, exactly(count)


def say(kind, body=b""):
    end.sendall(struct.pack("<IB", len(body), kind) + body)


def ready():
    take()
    say(4)


def reply(body=b'{"files": [], "refused": [], "violations": [], "isStorageFull": false}'):
    while take()[0] != 3:
        pass
    say(5, body)


def stay():
    while True:
        signal.pause()


with open(folder + "/pid.new", "w") as file:
    file.write(str(os.getpid()))
os.rename(folder + "/pid.new", folder + "/pid")
with open(folder + "/lines") as file:
    exec(file.read())
