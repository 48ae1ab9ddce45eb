"""The Docker stage: the services of `docker-compose.yml` as containers, by the Docker SDK."""
