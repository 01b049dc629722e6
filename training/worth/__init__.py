"""Learn what customers are worth: over a span that the history holds, carried to the horizon."""
