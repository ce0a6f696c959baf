"""What the machine is and how it fares: values read, or *unknown* with the reason. Never guesses, never identifies its owner."""
