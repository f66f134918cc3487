"""Lists from files (A-18 to A-25): columns, rows, matching, and the job that makes a version of a list of them."""
