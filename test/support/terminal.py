"""Runs a command on a terminal of its own, for a test: orders come as JSON lines, what the command writes goes out as it is.

At its end one JSON line on standard error says how the command ended and whether the terminal is as it was.
"""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios

columns, rows = int(sys.argv[1]), int(sys.argv[2])
command = sys.argv[3:]
master, slave = pty.openpty()


def resize(columns, rows):
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


resize(columns, rows)
before = termios.tcgetattr(slave)
child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for number in (0, 1, 2):
        os.dup2(slave, number)
    os.close(master)
    os.execvp(command[0], command)

orders = b""
ended = None
watched = [master, 0]
while True:
    ready, _, _ = select.select(watched, [], [], 0.02)
    if master in ready:
        os.write(1, os.read(master, 65536))
        continue
    if ended is not None:
        break
    if 0 in ready:
        text = os.read(0, 65536)
        if text == b"":
            # Whoever gave the orders is gone.
            os.killpg(child, signal.SIGKILL)
            watched.remove(0)
        orders += text
        *lines, orders = orders.split(b"\n")
        for line in lines:
            order = json.loads(line)
            if "keys" in order:
                os.write(master, order["keys"].encode())
            if "size" in order:
                resize(*order["size"])
                os.killpg(child, signal.SIGWINCH)
            if "signal" in order:
                os.kill(child, getattr(signal, order["signal"]))
    done, status = os.waitpid(child, os.WNOHANG)
    if done != 0:
        ended = os.waitstatus_to_exitcode(status)

after = termios.tcgetattr(slave)
print(json.dumps({"code": ended, "restored": after == before}), file=sys.stderr)
