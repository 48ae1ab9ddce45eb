"""The parts a dashboard is made of: panels, tables, PromQL, thresholds, colours, links."""
