"""What `locust -f scenarios/locustfile.py` does: alone, or as a master and its workers."""
