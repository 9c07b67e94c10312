// Consistency: to be filled.
