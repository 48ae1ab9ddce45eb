"""The five dashboards, one module each, and the panels that some of them share."""
