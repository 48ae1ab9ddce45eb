"""The collectors: read every pool, process and kernel counter while a run goes."""
