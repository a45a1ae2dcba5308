"""What every target must hold, whatever it is: the suite reads back what was emitted and compares it with the IR."""
