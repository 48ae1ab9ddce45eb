"""`python -m benchmarks`, the same as `make bench`: every measured claim, in one run."""

from benchmarks import app, client, codes, connections

if __name__ == "__main__":
    client.main()
    codes.run()
    connections.run()
    app.run(app.ROUNDS, app.REQUESTS)
