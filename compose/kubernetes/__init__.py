"""The reference app, and Locust's workers, as Kubernetes has them: made from `docker-compose.yml`."""
