module example/doorman

go 1.25
