"""Shows and asks. Opens without importing torch."""
