"""Enrollment: the provinces' door and the register of workers, enrollments and projects."""
