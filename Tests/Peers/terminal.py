"""Runs a program on a terminal of its own and answers its questions, as a person does.

    terminal.py ANSWERS PROGRAM ARGUMENT...

ANSWERS is JSON: {"question": "answer", ...}. The last line of what the program wrote is looked at; the first
question in it that was not answered yet gets its answer. Everything that the terminal showed goes to standard
output; the exit code is the program's, 99 if it asked something else.
"""
import json, os, pty, select, sys, time

with open(sys.argv[1]) as file:
    answers = list(json.load(file).items())
process, terminal = pty.fork()
if process == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown, seen, end = b"", 0, time.time() + 60
while time.time() < end:
    if select.select([terminal], [], [], 0.2)[0]:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        continue
    line = shown[seen:].decode(errors="replace")
    for question, answer in answers:
        if question in line.splitlines()[-1] if line.splitlines() else False:
            answers.remove((question, answer))
            seen = len(shown)
            os.write(terminal, (answer + "\n").encode())
            break
else:
    os.kill(process, 9)
    shown += b"\n(nobody knows an answer)\n"
sys.stdout.buffer.write(shown)
sys.stdout.flush()
code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
sys.exit(99 if code < 0 else code)
