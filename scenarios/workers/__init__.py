"""Several processes play the students of one rush: a master deals them out, workers play them."""
