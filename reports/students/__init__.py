"""What is found of the students: where they ended, and how often they had to try."""
