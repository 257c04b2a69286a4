"""`bin/stack`: private, real servers on the loopback interface for tests and development.

Standard library only, because it runs before any virtual environment is trusted to be complete. The parts:

- `programs`     which programs a server needs, where Debian puts them, which package gives them
- `ports`        a block of free ports of our own
- `process`      start, find and stop the processes we started, and no others
- `state`        `stack.json`: what runs, where, with which secrets
- `environment`  the variables the application reads
- `wire`         the smallest real handshake of each protocol, to know that a server is ready
- `servers`      one module for each server
- `core`, `cli`  `up`, `down` and the rest
- `install`      `bin/stack install`: Debian packages without starting machine-wide daemons
"""
