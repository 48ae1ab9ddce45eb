"""The reference app, and Locust's workers, for Kubernetes: made from `docker-compose.yml`."""
