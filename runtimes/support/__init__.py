"""What several adapters share. torch may be imported here and nowhere else."""
