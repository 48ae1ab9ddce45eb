"""`python -m benchmarks`, the same as `make bench`: the app and the system, in one run.

The generator has a run of its own, `make bench-generator`.
"""

from benchmarks import app, connections

if __name__ == "__main__":
    connections.run()
    app.run(app.ROUNDS, app.REQUESTS)
