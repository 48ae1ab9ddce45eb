"""`python -m benchmarks`, the same as `make bench`: the app and the system, in one run.

The generator has a run of its own, `make bench-generator`.
"""

from benchmarks import app, codes, connections

if __name__ == "__main__":
    codes.run()
    connections.run()
    app.run(app.ROUNDS, app.REQUESTS)
