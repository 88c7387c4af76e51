"""The same action expert in the libraries that motorium's engine is measured against."""
