module phased

go 1.26
