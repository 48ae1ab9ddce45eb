"""`python -m benchmarks`, the same as `make bench`: every measured claim, in one run."""

from benchmarks import app, client

if __name__ == "__main__":
    client.main()
    app.run(app.ROUNDS, app.REQUESTS)
