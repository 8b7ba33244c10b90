"""User models as projects have them."""

import uuid

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, User
from django.db import models


class People(BaseUserManager):
    def create_user(self, email, password):
        person = self.model(email=email)
        person.set_password(password)
        person.save(using=self._db)
        return person


class Person(AbstractBaseUser):
    """Logs in with an e-mail address. Has no groups and no permissions."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)

    objects = People()
    USERNAME_FIELD = "email"


class Proxy(User):
    class Meta:
        proxy = True


class Employee(User):
    """A table of its own for what an employee has beside a user."""

    number = models.IntegerField()
