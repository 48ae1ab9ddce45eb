"""Plain Locust files, unchanged: loaded, performed by Locust's own runner, and recorded."""
