"""Results: records of measured scores, their verification and comparison, published figures, the leaderboard.

Reads and writes records; runs no model. May import `tasks` and the ground floor.
"""
