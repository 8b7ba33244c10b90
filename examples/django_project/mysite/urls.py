"""The URLs of the project, with the endpoints of Watchword."""

from django.urls import include, path

from mysite import views

urlpatterns = [
    path("", include("watchword.web.django.urls")),  # /auth/login and so on, and /.well-known/
    path("", views.welcome),
    path("profile", views.profile),
    path("reports", views.reports),
    path("sessions", views.Sessions.as_view()),
]
